#!/usr/bin/env python3
"""Writes the table by which text is folded for search, and the answers that its tests expect.

The facts are those of the Unicode character database in Python's `unicodedata`; the table says of
which version. Run it from the repository's root:

    python3 Scripts/unicode-folding.py            writes both files
    python3 Scripts/unicode-folding.py --check    fails where they are not what it would write

The table is a function from a scalar to scalars (`fold`) and a class for each of these (`kind`).
The expected answers come from `tokens`, which folds whole texts by the normal forms of Unicode and
shares nothing but `kind` and the two lists of Latin letters with the table.
"""
import re
import sys
import unicodedata as ucd

TABLE = "Sources/RoostCore/Text/FoldingTable+Facts.swift"
ANSWERS = "Tests/RoostCoreTests/FoldingAnswers.swift"

BREAK, WORD, RUN, KEPT, GONE = range(5)

# Scripts that are written without spaces between words, by the names of their letters.
UNSPACED = re.compile(
    r"CJK UNIFIED IDEOGRAPH|CJK COMPATIBILITY IDEOGRAPH|IDEOGRAPHIC |HIRAGANA |KATAKANA|TANGUT IDEOGRAPH"
    r"|THAI |LAO |KHMER |MYANMAR ")
# Marks that stand for a sound of their own: viramas, length marks and vowels.
SOUNDING = {0, 9, 84, 91, 103, 107, 118, 122, 129, 130, 132}
IGNORED_MARKS = {0x34F, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F} | set(range(0xFE00, 0xFE10)) \
    | set(range(0xE0100, 0xE01F0))
VOICING = {0x3099, 0x309A}
# Letters that do not decompose, and are written otherwise where a keyboard lacks them.
LETTERS = {"ı": "i", "ȷ": "j", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ŋ": "n", "ĸ": "k", "đ": "d"}
STROKED = re.compile(r"LATIN SMALL LETTER ([A-Z]{1,2}) WITH ")


def kind(c):
    """The class of a scalar that folds to itself."""
    o, category = ord(c), ucd.category(c)
    if 0x20000 <= o <= 0x2FFFD or 0x30000 <= o <= 0x3FFFD:
        return RUN
    if o in (0x2BB, 0x2BC, 0x200B):
        return BREAK  # Apostrophes that count as letters, and the space of no width.
    if o in VOICING:
        return KEPT
    if category in ("Mn", "Mc", "Me"):
        if category == "Me" or o in IGNORED_MARKS or ucd.combining(c) not in SOUNDING:
            return GONE
        return KEPT
    if category == "Cf" or o == 0x640:
        return GONE
    if category[0] in "LN":
        return RUN if UNSPACED.match(ucd.name(c, "")) else WORD
    return BREAK


def latin(c):
    """What a small Latin letter becomes that does not decompose."""
    if c in LETTERS:
        return LETTERS[c]
    match = STROKED.match(ucd.name(c, ""))
    return match[1].lower() if match else c


def is_syllable(c):
    return "\uac00" <= c <= "\ud7a3"


def fold(c):
    """What one scalar becomes."""
    if is_syllable(c):
        return c
    text, before = c, None
    while text != before:
        before = text
        text = ucd.normalize("NFKD", ucd.normalize("NFKD", text).casefold())
    text = "".join(x for x in text if kind(x) != GONE)
    text = "".join(latin(x) for x in text)
    text = "".join(str(ucd.decimal(x)) if ucd.category(x) == "Nd" else x for x in text)
    if len(text) > 1 and text[-1] in "\u3099\u309a":
        text = ucd.normalize("NFC", text)
    return "".join(" " if kind(x) == BREAK else x for x in text)


# MARK: The table

ALPHABET = [chr(x) for x in range(35, 127) if chr(x) != "\\"][:64]


class Stream:
    """Numbers in printable characters: five bits each, the sixth says that more come."""

    def __init__(self):
        self.text = []

    def number(self, value):
        while True:
            low, value = value & 31, value >> 5
            self.text.append(ALPHABET[low | (32 if value else 0)])
            if not value:
                return

    def signed(self, value):
        self.number(value * 2 if value >= 0 else -value * 2 - 1)


def facts():
    """(first, count, stride, op, payload) in order: op 1-4 a class, 5 a shift, 6 the same text."""
    items = []
    for o in range(0x110000):
        if 0xD800 <= o < 0xE000:
            continue
        c = chr(o)
        text = fold(c)
        if text == c:
            if kind(c) != BREAK:
                items.append((o, kind(c), None))
        elif text == "":
            items.append((o, GONE, None))
        elif text == " ":
            pass
        elif len(text) == 1:
            items.append((o, 5, ord(text)))
        else:
            items.append((o, 6, text))
    runs, index = [], 0
    while index < len(items):
        o, op, value = items[index]
        best = (1, 1)
        for stride in (1, 2):
            count, place = 1, index
            shift = value - o if op == 5 else None
            while True:
                nxt = index + count if stride == 1 else None
                if stride == 2:
                    nxt = place + 1
                    while nxt < len(items) and items[nxt][0] < o + 2 * count:
                        nxt += 1
                if nxt >= len(items) or items[nxt][0] != o + count * stride or items[nxt][1] != op:
                    break
                if op == 5 and items[nxt][2] - items[nxt][0] != shift:
                    break
                if op == 6 and items[nxt][2] != value:
                    break
                count, place = count + 1, nxt
            if count > best[0] and (stride == 1 or count > best[0] + 1):
                best = (count, stride)
        # What stands between the scalars of a stride of two stays for runs of its own.
        if best[1] == 2:
            runs.append((o, best[0], 2, op, value))
            taken = {o + 2 * k for k in range(best[0])}
            items[index:index + 2 * best[0]] = [x for x in items[index:index + 2 * best[0]] if x[0] not in taken]
            continue
        runs.append((o, best[0], 1, op, value))
        index += best[0]
    return sorted(runs, key=lambda run: run[0])


def encoded(runs):
    stream, last, words = Stream(), 0, {}
    for first, count, stride, op, value in runs:
        stream.signed(first - last)
        last = first + (count - 1) * stride + 1
        long = 1 if count > 1 else 0
        stream.number(op << 2 | (stride - 1) << 1 | long)
        if long:
            stream.number(count)
        if op == 5:
            stream.signed(value - first)
        elif op == 6:
            # Texts that come often are named by the number of their first use.
            if value in words:
                stream.number(words[value] << 1 | 1)
            else:
                words[value] = len(words)
                stream.number(len(value) << 1)
                before = 97
                for x in value:
                    stream.signed(ord(x) - before)
                    before = ord(x)
    return "".join(stream.text)


def table():
    # か + voicing mark is one letter, as が is.
    pairs = []
    for o in range(0x3041, 0x3100):
        for mark in "\u3099\u309a":
            whole = ucd.normalize("NFC", chr(o) + mark)
            if len(whole) == 1:
                pairs.append((o, ord(mark), ord(whole)))
    text = encoded(facts())
    lines = [text[i:i + 94] for i in range(0, len(text), 94)]
    half = "\n".join(f"    {line}\\" for line in lines[:-1]) + f"\n    {lines[-1]}"
    voiced = Stream()
    for base, mark, whole in pairs:
        voiced.number(base - 0x3041)
        voiced.number(mark - 0x3099)
        voiced.number(whole - 0x3041)
    voiced_text = "".join(voiced.text)
    voiced_lines = [voiced_text[i:i + 94] for i in range(0, len(voiced_text), 94)]
    voiced_half = "\n".join(f"    {line}\\" for line in voiced_lines[:-1]) + f"\n    {voiced_lines[-1]}"
    return f'''// Written by Scripts/unicode-folding.py from Unicode {ucd.unidata_version}; not to be edited.

extension FoldingTable {{
  /// The version of the Unicode character database that the facts are from.
  static let unicodeVersion = "{ucd.unidata_version}"

  /// What scalars fold to and of which class they are, in the form that `FoldingTable.init` reads.
  static let facts: StaticString = """
{half}
    """

  /// The letters of kana with a voicing mark, three numbers each: letter, mark, what they make.
  static let voicedPairs: StaticString = """
{voiced_half}
    """
}}
'''


# MARK: What the tests expect

def tokens(text):
    """The tokens of a text as they are indexed, by the normal forms of whole texts."""
    parts, last = [], 0
    # A syllable is kept as it is; everything else is decomposed.
    for match in re.finditer("[\uac00-\ud7a3]+", text):
        parts += [decomposed(text[last:match.start()]), match[0]]
        last = match.end()
    parts.append(decomposed(text[last:]))
    whole = re.sub(
        "[\u1100-\u1112\u1161-\u1175\u11a8-\u11c2\uac00-\ud7a3\u3041-\u30ff\u3099\u309a]+",
        lambda match: ucd.normalize("NFC", match[0]), "".join(parts))
    return split(whole)


def decomposed(text):
    before = None
    while text != before:
        before = text
        text = ucd.normalize("NFKD", ucd.normalize("NFKD", text).casefold())
    text = "".join(latin(x) for x in text if kind(x) != GONE)
    return "".join(str(ucd.decimal(x)) if ucd.category(x) == "Nd" else x for x in text)


def bounded(text, limit):
    while len(text.encode()) > limit:
        text = text[:-1]
    return text


def split(text):
    result, word, run = [], "", []

    def end():
        nonlocal word, run
        if word:
            result.append(bounded(word, 64))
        units = [bounded(x, 32) for x in run]
        result.extend(a + b for a, b in zip(units, units[1:]))
        result.extend(units[-1:])
        word, run = "", []

    for c in text:
        k = kind(c)
        if k == BREAK:
            end()
        elif k == RUN:
            if word:
                end()
            run.append(c)
        elif k == KEPT and run:
            run[-1] += c
        else:
            if run:
                end()
            word += c
    end()
    return result


TEXTS = [
    ("French", "Élève à l’école, cœur ÇA où l'été"),
    ("German", "Straße GROẞ Übergröße Müller"),
    ("Polish", "Łódź zażółć gęślą jaźń"),
    ("Danish", "Rødgrød med fløde, Æbler på Ålborg"),
    ("Icelandic", "Þingvellir og Eyjafjallajökull, Ísafjörður"),
    ("Turkish", "İSTANBUL ılık IŞIK diyarbakır"),
    ("Vietnamese", "Tiếng Việt rất đẹp Đà Nẵng"),
    ("Czech", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
    ("Croatian", "Đurđevac ǆemper Ǉubav"),
    ("Spanish", "¿Dónde está el Niño? 1º 2ª"),
    ("Greek", "ΟΔΥΣΣΕΥΣ Οδυσσεύς ἀρχῇ ἦν ὁ λόγος"),
    ("Russian", "Съешь ЕЩЁ этих мягких французских булок"),
    ("Ukrainian", "Її п'ять пʼять п’ять ґанок"),
    ("Georgian", "ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ საქართველო"),
    ("Armenian", "Հայաստան ՀԱՅԱՍՏԱՆ և"),
    ("Hebrew", "בְּרֵאשִׁית בָּרָא צה״ל"),
    ("Arabic", "اَلْعَرَبِيَّةُ مـــرحبا أحمد ٣٤٥ ﷺ ﻻ"),
    ("Persian", "می‌خواهم کتاب‌ها ۱۲۳"),
    ("Hindi", "हिन्दी क़लम क़लम पुस्तकें १२३"),
    ("Bengali", "বাংলা ভাষা কোলকাতা"),
    ("Tamil", "தமிழ் மொழி கொடு"),
    ("Telugu", "తెలుగు భాష"),
    ("Sinhala", "සිංහල ක්‍රීඩා"),
    ("Tibetan", "བོད་ཡིག"),
    ("Thai", "ภาษาไทยน้ำที่นี่ ๑๒๓"),
    ("Lao", "ພາສາລາວ"),
    ("Khmer", "ភាសាខ្មែរ"),
    ("Burmese", "မြန်မာဘာသာ"),
    ("Chinese", "東京都 中华人民共和国 㐀𠀀 豈"),
    ("Japanese", "がぎぐ か\u3099 ｶﾞｯｺｳ ラーメン 人々 ヴ ㍿"),
    ("Korean", "한글 학교에서 \u1112\u1161\u11ab\u1100\u1173\u11af ㄱㅏ"),
    ("Mixed", "iPhone手机15Pro ＦＵＬＬ　ｗｉｄｔｈ ﬁne oﬃce"),
    ("Signs", "a1-b2_c3 user@example.com C++ 3.14 1,000 № ½ ② Ⅳ ℃ x²"),
    ("Mathematics", "𝐇𝐞𝐥𝐥𝐨 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛"),
    ("Emoji", "👍🏽 love ❤️ 👨‍👩‍👧 1️⃣"),
    ("Invisible", "so\u00adft ze\u200bro joi\u200dn \ufeffbom a\u034fb"),
    ("Lone marks", "\u0301 \u0301a \u093f \u3099 ก\u0e34\u0e34"),
    ("Cherokee", "ᏣᎳᎩ ꮳꮃꭹ"),
    ("Deseret", "𐐔𐐯𐑅𐐨𐑉𐐯𐐻"),
    ("Long", "x" * 70 + " " + "é" * 70 + " " + "я" * 33),
]


def checksum(items):
    """FNV-1a, 64 bits, of the tokens with a line break behind each."""
    value = 0xCBF29CE484222325
    for item in items:
        for byte in item.encode() + b"\n":
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def quoted(text):
    out = ""
    for c in text:
        if c in '"\\':
            out += "\\" + c
        elif 32 <= ord(c) < 127:
            out += c
        else:
            out += "\\u{%X}" % ord(c)
    return f'"{out}"'


def answers():
    rows = []
    for name, text in TEXTS:
        rows.append(f"    ({quoted(name)}, {quoted(text)}, {quoted(' '.join(tokens(text)))}),")
    sums = []
    for block in range(0, 0x110000, 0x1000):
        if 0xD000 <= block < 0xE000 and block != 0xD000:
            continue
        found = []
        for o in range(block, block + 0x1000):
            if not 0xD800 <= o < 0xE000:
                # Between letters, behind letters of runs, and, for kana, before a voicing mark.
                found += tokens(f"a{chr(o)}b 都{chr(o)} か{chr(o)}")
                if block in (0x3000, 0xF000):
                    found += tokens(f"{chr(o)}\u3099")
        sums.append(f"    0x{block:X}: 0x{checksum(found):016X},")
    return f'''// Written by Scripts/unicode-folding.py from Unicode {ucd.unidata_version}; not to be edited.
// swift-format-ignore-file

/// What Python makes of texts: the oracle of the folding.
enum FoldingAnswers {{
  static let unicodeVersion = "{ucd.unidata_version}"

  /// A name, a text, and its tokens with spaces between them.
  static let texts: [(String, String, String)] = [
{chr(10).join(rows)}
  ]

  /// A checksum of the tokens of texts with each scalar, by the first scalar of 4096.
  static let blocks: [UInt32: UInt64] = [
{chr(10).join(sums)}
  ]
}}
'''


def main():
    stale = []
    for path, make in ((TABLE, table), (ANSWERS, answers)):
        text = make()
        if "--check" in sys.argv:
            with open(path) as file:
                if file.read() != text:
                    stale.append(path)
        else:
            with open(path, "w") as file:
                file.write(text)
    if stale:
        sys.exit("not what the script writes: " + ", ".join(stale))


if __name__ == "__main__":
    main()
