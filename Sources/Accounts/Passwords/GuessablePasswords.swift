/// Recognises long passwords that guessing programs try first.
///
/// Lists of leaked passwords hold few of 15 characters and more, and those are nearly all made in
/// one of four ways: a phrase that everybody knows, a repetition, a walk along keys, or one or two
/// very common words with a few digits. So those are recognised, not listed one by one.
enum GuessablePasswords {
  /// Whether `password` is made in one of these ways, or from the person's own e-mail address.
  static func isGuessable(_ password: String, email: EmailAddress?) -> Bool {
    let characters = Array(password.lowercased())
    if Set(characters).count < 5 || isRepetition(characters) { return true }
    // As people write words with digits; a word is looked for in both spellings.
    let plain = characters.map { substitutes[$0] ?? $0 }
    if isRepetition(plain.filter { $0.isLetter || $0.isNumber }) { return true }
    // What surrounds a phrase, such as a year and a mark, adds little to it.
    let ends = (characters.firstIndex(where: \.isLetter), characters.lastIndex(where: \.isLetter))
    if let first = ends.0, let last = ends.1,
      phrases.contains(String(plain[first...last].filter(\.isLetter)))
    {
      return true
    }
    var words = GuessablePasswords.words
    if let email {
      if email.text == password.lowercased() { return true }
      for part in ([email.local] + email.text.split { "@.+_-".contains($0) }.map(String.init))
      where part.count >= 3 { words.insert(part) }
    }
    // So long a password is hardly made of two words, and each character costs some look-ups.
    guard characters.count <= 64 else { return false }
    return isFewWords(characters, words) || isFewWords(plain, words)
  }

  /// Whether the text is a piece of at most half its length, again and again, the last time perhaps
  /// cut short.
  ///
  /// By the failure function of Knuth, Morris and Pratt, in linear time: passwords are long.
  private static func isRepetition(_ text: [Character]) -> Bool {
    guard text.count >= 2 else { return true }
    var borders = [Int](repeating: 0, count: text.count)
    var length = 0
    for index in 1..<text.count {
      while length > 0, text[index] != text[length] { length = borders[length - 1] }
      if text[index] == text[length] { length += 1 }
      borders[index] = length
    }
    return (text.count - length) * 2 <= text.count
  }

  /// Whether at most two different common words or walks leave at most three characters, besides
  /// up to four digits of a year or a number and what separates them.
  private static func isFewWords(_ text: [Character], _ words: Set<String>) -> Bool {
    var found: Set<String> = []
    var rest = 0
    var digits = 0
    var index = 0
    while index < text.count {
      let walk = walkLength(text, from: index)
      let word = longestWord(text, from: index, words)
      if max(walk, word) > 0 {
        found.insert(walk > word ? "walk" : String(text[index..<index + word]))
        index += max(walk, word)
        continue
      }
      if text[index].isNumber {
        digits += 1
      } else if text[index].isLetter {
        rest += 1
      }
      index += 1
    }
    return !found.isEmpty && found.count <= 2 && rest + max(0, digits - 4) <= 3
  }

  private static func longestWord(
    _ text: [Character], from start: Int, _ words: Set<String>
  ) -> Int {
    let longest = min(text.count - start, 24)
    guard longest >= 3 else { return 0 }
    for length in stride(from: longest, through: 3, by: -1)
    where words.contains(String(text[start..<start + length])) {
      return length
    }
    return 0
  }

  /// How many characters from `start` on follow each other on a keyboard, in the alphabet or as
  /// digits, in either direction, or are the same; 0 when fewer than four.
  private static func walkLength(_ text: [Character], from start: Int) -> Int {
    var longest = 0
    for row in rows {
      for step in [1, -1] {
        var length = 1
        while start + length < text.count,
          let place = row[text[start + length - 1]], let next = row[text[start + length]],
          next == (place + step + row.count) % row.count
        {
          length += 1
        }
        longest = max(longest, length)
      }
    }
    var same = 1
    while start + same < text.count, text[start + same] == text[start] { same += 1 }
    longest = max(longest, same)
    return longest >= 4 ? longest : 0
  }

  /// The place of each character in the rows along which fingers walk; a walk may go round.
  private static let rows: [[Character: Int]] = [
    "1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm",
    "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", "!@#$%^&*()",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "qweasdzxcrtyfghvbn",
  ].map { (row: String) in
    // A character that occurs twice keeps its first place.
    Dictionary(zip(row, 0...), uniquingKeysWith: { first, _ in first })
  }

  private static let substitutes: [Character: Character] = [
    "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i",
  ]
}
