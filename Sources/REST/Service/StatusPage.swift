import RoostCore
import Transport

/// `/status`: how the server is, for people; one page without a script and without anything of others.
enum StatusPage {
  static func response(_ report: StatusReport) -> Response {
    PagePolicy.response(
      html(report), style: style, status: report.unavailable == nil ? 200 : 503)
  }

  private static func html(_ report: StatusReport) -> String {
    var rows = ""
    for part in report.parts {
      let state = part.fault == nil ? "ok" : "degraded"
      rows += """
        <tr><th scope="row">\(escape(part.name))</th><td class="\(state)">\(state)</td>\
        <td>\(escape(part.fault ?? ""))</td></tr>

        """
    }
    var facts = ""
    for fact in report.facts {
      facts +=
        "<tr><th scope=\"row\">\(escape(fact.name))</th><td>\(escape(fact.value))</td></tr>\n"
    }
    let headline =
      switch report.state {
      case "ok": "All is well"
      case "degraded": "Something does not work as it should"
      default: "No requests are taken"
      }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="refresh" content="15">
      <title>Status: \(report.state)</title>
      <style>\(style)</style>
      </head>
      <body>
      <h1 class="\(report.state)">\(headline)</h1>
      <p>\(escape(report.unavailable ?? ""))</p>
      <table>
      <caption>Parts</caption>
      \(rows)</table>
      <table>
      <caption>Since the start</caption>
      \(facts)</table>
      <p>As of \(report.at.description). The page looks again every 15 seconds.</p>
      </body>
      </html>

      """
  }

  private static func escape(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.append(character)
      }
    }
    return escaped
  }

  private static let style = """
    body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;\
    color:#1b1b1b;background:#fff}
    h1{font-size:1.4rem;border-left:.5rem solid;padding-left:.7rem}
    table{border-collapse:collapse;width:100%;margin:1.5rem 0}
    caption{text-align:left;font-weight:600;padding-bottom:.3rem}
    th,td{text-align:left;padding:.3rem .6rem;border-top:1px solid #ccc;vertical-align:top}
    th{font-weight:400;width:12rem}
    .ok{color:#11631f}.degraded{color:#8a4b00}.unavailable{color:#a11212}
    @media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,td{border-color:#444}\
    .ok{color:#6fd07f}.degraded{color:#f0b45a}.unavailable{color:#ff8a8a}}
    """
}
