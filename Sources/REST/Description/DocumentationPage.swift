import Transport

/// The page at `/docs/`: to read the API, and to try it, in a browser.
///
/// It reads `/openapi.json` and asks this server for nothing else but what a person sends.
enum DocumentationPage {
  static func document(isDevelopment: Bool) -> StaticDocument {
    PagePolicy.document(html(isDevelopment), style: style, script: script)
  }

  private static func html(_ isDevelopment: Bool) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>API · Roost</title>
    <link rel="icon" href="data:,">
    <style>\(style)</style>
    </head>
    <body data-development="\(isDevelopment)">
    \(body)
    <script>\(script)</script>
    </body>
    </html>

    """
  }

  private static let body = """
    <a class="skip" href="#operations">To the operations</a>
    <header>
    <h1 id="title">API</h1>
    <p id="version"></p>
    <form id="session" autocomplete="off">
    <label for="token">Access token</label>
    <input id="token" type="password" autocomplete="off" spellcheck="false"
    placeholder="None: requests go out without an account">
    <button id="anonymous" type="button" hidden>Sign in without an account</button>
    <span id="who" role="status"></span>
    </form>
    </header>
    <div class="columns">
    <nav aria-label="Operations">
    <label for="find">Find</label>
    <input id="find" type="search" autocomplete="off" spellcheck="false">
    <ul id="contents"></ul>
    <p><a href="/openapi.json">OpenAPI</a> · <a href="/schema.graphql">Schema</a> ·
    <a href="/docs/changelog.md">Changelog</a></p>
    </nav>
    <main id="operations" tabindex="-1">
    <noscript><p class="bad">This page needs JavaScript; <a href="/openapi.json">openapi.json</a>
    says the same.</p></noscript>
    <p id="message" role="status">Reading the description…</p>
    </main>
    </div>
    """
}
