import RoostCore
import Testing

@testable import Accounts

@Suite struct PasswordPolicyTests {
  private let policy = PasswordPolicy(AccountsConfiguration())
  private let email = EmailAddress("ada.lovelace@analytical.example")

  private func code(_ password: String) -> String? {
    policy.issue(with: password, email: email)?.code
  }

  @Test(arguments: [
    "velvet otter paints nine moons", "kettle-harbor-ostrich", "tr0mb0ne?violet.hutch",
    "xK9#mQ2$vL7@pR4", "fjärilar över grönskan", "пять зелёных чемоданов", "夜の静かな海を渡る青い小さな船と鳥",
    "mydogatesevencarrots", "          velvet  moon otter", "rain on the tin roof at night",
    "summer rain on violet hills",
  ])
  func aLongUncommonPasswordIsTaken(_ password: String) {
    #expect(code(password) == nil)
  }

  @Test(arguments: [
    "password1234567", "PasswordPassword", "p@ssw0rdp@ssw0rd", "passwordpasswor",
    "Password!2024!!!",
    "passw0rd12345678", "aaaaaaaaaaaaaaa", "abcabcabcabcabc", "123456789012345", "1234567890123456",
    "987654321098765", "qwertyuiopasdfg", "qwertyuiopasdfghjkl", "asdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv", "1q2w3e4r5t6y7u8i", "abcdefghijklmno", "zyxwvutsrqponml", "azertyuiopqsdfg",
    "correct horse battery staple", "CorrectHorseBatteryStaple", "iloveyousomuch!!",
    "iloveyou1234567",
    "iloveyouiloveyou", "letmeinletmein12", "welcome12345678", "administrator123",
    "superman12345678",
    "thisismypassword", "to be or not to be", "may the force be with you", "password-password-1",
    "Summer2024Summer", "Password Password Password", "!!!!!!!!!!!!!!!!!", "Ch4ng3m3ch4ng3m3",
    "ada.lovelace@analytical.example", "ADA.LOVELACE@analytical.example", "lovelace12345678",
    "adalovelace2024!", "lovelacelovelace", "analytical123456", "               ",
  ])
  func aCommonPasswordIsRefused(_ password: String) {
    #expect(code(password) == "common")
  }

  @Test func lengthIsCountedInCharactersAndBounded() {
    #expect(code("kettle harbor o") == nil)
    #expect(code("kettle harbor ") == "min_length")
    #expect(code("") == "min_length")
    // One character each, whichever way it is encoded: fourteen are too few.
    #expect(code("kéttlé hårbör") == "min_length")
    #expect(code("ke\u{301}ttle\u{301} ha\u{30A}rbo\u{308}r") == "min_length")
    let long = (0..<64).map { "w\($0 * 7919) kettle" }.joined(separator: " ")
    #expect(code(String(long.prefix(1024).utf8.prefix(1000)) ?? "") == nil)
    #expect(code(String(repeating: long, count: 3)) == "max_length")
    #expect(code(String(repeating: "ab", count: 500)) == "common")
  }

  @Test func theMessageSaysWhatToDo() {
    #expect(policy.issue(with: "short", email: nil)?.message.contains("at least 15") == true)
    #expect(policy.issue(with: "password1234567", email: nil)?.message.contains("words") == true)
    #expect(policy.issue(with: "short", email: nil)?.pointer == "/password")
  }

  @Test func anothersAddressIsNoReason() {
    let password = "lovelace12345678"
    let other = EmailAddress("grace@example.com")
    #expect(policy.issue(with: "lovelace trombone", email: other) == nil)
    #expect(code(password) == "common")
  }
}

@Suite struct EmailAddressTests {
  @Test(arguments: [
    ("ada@example.com", "ada@example.com"), ("  Ada@Example.COM\t\n", "ada@example.com"),
    ("a+b_c-d.e@sub.example.co", "a+b_c-d.e@sub.example.co"), ("1@2.example", "1@2.example"),
    ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
  ])
  func anAddressHasOneForm(_ text: String, _ form: String) {
    #expect(EmailAddress(text)?.text == form)
  }

  @Test(arguments: [
    "", "ada", "@example.com", "ada@", "ada@example", "a@b@example.com", "a b@example.com",
    ".a@example.com", "a.@example.com", "a..b@example.com", "a@-x.example", "a@x-.example",
    "a@x..example", "a@.example", "a@example.", "a@127.0.0.1", "a@[127.0.0.1]", "\"a\"@example.com",
    "ä@example.com", "a@bücher.example", "a\u{0}@example.com", "a@exa\u{0}mple.com",
    "<a@b.example>",
    String(repeating: "a", count: 65) + "@example.com",
    "a@" + String(repeating: "x", count: 64) + ".example",
    "a@" + String(repeating: "abcdefgh.", count: 30) + "example",
  ])
  func whatIsNoAddressIsRefused(_ text: String) {
    #expect(EmailAddress(text) == nil)
  }
}
