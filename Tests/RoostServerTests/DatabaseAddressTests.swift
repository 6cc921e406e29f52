import RoostServer
import Testing

/// What Roost itself sees in an address: whether it holds a password, and what may be shown.
@Suite struct DatabaseAddressTests {
  @Test(arguments: [
    "postgresql://roost:secret@host/name", "postgres://roost:secret@host:5432/name",
    "postgresql://roost:se%40cret@host/name", "postgresql://roost:sec/ret@host/name",
    "postgresql://roost:se@cret@host/name", "postgresql://:secret@host/name",
    "postgresql://roost:@host/name", "postgresql://roost:secret@/name",
    "postgresql://roost:secret@a:1,b:2/name", "postgresql://roost:secret@[::1]:5432/name",
    "postgresql://roost@host/name?password=secret",
    "postgresql://host/name?sslmode=require&password=secret",
    "postgresql://roost@host/name?PASSWORD=secret", "postgresql:///name?user=a&password=secret",
    "postgresql://roost:secret@host?sslmode=require", "host=db user=roost password=secret",
  ])
  func `a password is found wherever it stands`(text: String) {
    #expect(DatabaseAddress(text).hasPassword)
  }

  @Test(arguments: [
    "", "postgresql://", "postgresql:///name", "postgresql://host/name",
    "postgresql://host:5432/name",
    "postgresql://roost@host/name", "postgresql://roost@host:5432/name?sslmode=verify-full",
    "postgresql://roost@a:1,b:2/name?target_session_attrs=read-write",
    "postgresql://roost@[::1]:5432/name", "postgresql://[::1]/name",
    "postgresql://roost@host/name?passfile=/etc/roost/pass", "postgresql:///name?host=/run/socket",
    "postgresql://roost@host/name?application_name=a:b@c", "host=db user=roost dbname=name",
  ])
  func `an address without one is not refused`(text: String) {
    #expect(!DatabaseAddress(text).hasPassword)
  }

  @Test(arguments: [
    ("postgresql://roost:secret@host:5432/name?sslmode=require", "postgresql://host:5432/name"),
    ("postgresql://roost:se@cret@host/name", "postgresql://host/name"),
    ("postgresql://roost:sec/ret@host/name", "postgresql://host/name"),
    ("postgresql://host/name?password=secret", "postgresql://host/name"),
    ("postgresql://roost:sec?ret@host/name", "postgresql://host/name"),
    ("postgresql:///name?password=secret@host", "postgresql:///name"),
    ("postgresql://roost@a:1,b:2/name", "postgresql://a:1,b:2/name"),
    ("host=db user=roost password=secret", "postgresql"), ("", "postgresql"),
  ])
  func `what is shown holds no user, password or parameter`(text: String, shown: String) {
    #expect(DatabaseAddress(text).shown == shown)
    #expect(!DatabaseAddress(text).shown.contains("sec"))
  }
}
