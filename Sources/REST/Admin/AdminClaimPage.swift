import Transport

/// The page behind the one-time link: signs a person in, or registers one, and claims.
///
/// It stands alone: no request leaves this server, and only the style and the script whose hashes
/// are in the policy run. The token comes in the fragment of the link, which browsers do not send,
/// and is taken out of the address bar at once.
enum AdminClaimPage {
  static var response: Response {
    PagePolicy.response(html, style: style, script: script)
  }

  private static var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>Become the administrator · Roost</title>
    <link rel="icon" href="data:,">
    <style>\(style)</style>
    </head>
    <body>
    \(main)
    <script>\(script)</script>
    </body>
    </html>

    """
  }

  private static let main = """
    <main>
    <h1>Become the administrator</h1>
    <p id="lead">This link makes one account of this server an administrator. It works once.</p>
    <noscript><p class="bad">This page needs JavaScript.</p></noscript>
    <form id="form" hidden>
    <fieldset>
    <legend>Your account</legend>
    <label class="choice"><input type="radio" name="mode" value="register" checked>
    Make a new one</label>
    <label class="choice"><input type="radio" name="mode" value="login">
    I have one already</label>
    </fieldset>
    <label for="email">E-mail address</label>
    <input id="email" type="email" autocomplete="username" required maxlength="254">
    <label for="password">Password</label>
    <input id="password" type="password" autocomplete="new-password" required
    maxlength="1024" aria-describedby="hint">
    <p id="hint">At least 15 characters; a few words do well.</p>
    <button id="button" type="submit">Become the administrator</button>
    </form>
    <p id="message" role="status" tabindex="-1"></p>
    </main>
    """

  private static let style = """

    :root { color-scheme: light dark; --ink: #1d2328; --paper: #fbfaf7; --line: #767f87;
      --accent: #1f5f4a; --on-accent: #ffffff; --bad: #a3231c; --quiet: #505a62; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #edeae3; --paper: #171b1e; --line: #88929b; --accent: #8fd3b8;
        --on-accent: #10231b; --bad: #ffaaa1; --quiet: #b4bcc3; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--paper); color: var(--ink);
      font: 1rem/1.5 system-ui, sans-serif; }
    main { max-width: 26rem; margin: 12vh auto 4rem; padding: 0 1.25rem; }
    h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .75rem; }
    p { margin: 0 0 1rem; }
    fieldset { border: 0; margin: 1.5rem 0 1rem; padding: 0; }
    legend, label { font-weight: 600; padding: 0; }
    .choice { display: flex; gap: .6rem; align-items: center; font-weight: 400;
      padding: .35rem 0; }
    input[type=radio] { width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--accent); }
    input[type=email], input[type=password] { display: block; width: 100%; font: inherit;
      color: inherit; background: transparent; border: 1px solid var(--line);
      border-radius: .4rem; padding: .6rem .7rem; margin: .3rem 0 1rem; }
    #hint { color: var(--quiet); font-size: .9rem; margin-top: -.6rem; }
    button { font: inherit; font-weight: 600; width: 100%; padding: .7rem; cursor: pointer;
      border: 0; border-radius: .4rem; background: var(--accent); color: var(--on-accent); }
    button:disabled { opacity: .6; cursor: progress; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    #message:empty { display: none; }
    #message:focus { outline: none; }
    #message { margin-top: 1.25rem; }
    .bad { color: var(--bad); }

    """

  private static let script = """

    "use strict";
    const find = (id) => document.getElementById(id);
    const form = find("form"), message = find("message"), button = find("button");
    const email = find("email"), password = find("password"), hint = find("hint");
    const token = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    const mode = () => form.elements.mode.value;
    function say(text, isBad) {
      message.className = isBad ? "bad" : "";
      message.textContent = text;
      if (isBad) message.focus();
    }
    function suit() {
      const isNew = mode() === "register";
      hint.hidden = !isNew;
      password.autocomplete = isNew ? "new-password" : "current-password";
    }
    async function post(path, body, bearer) {
      const headers = { "Content-Type": "application/json" };
      if (bearer) headers.Authorization = "Bearer " + bearer;
      const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
      const text = await answer.text();
      const json = text ? JSON.parse(text) : {};
      if (answer.ok) return json;
      const issues = (json.errors || []).map((issue) => issue.message).join(" ");
      throw new Error(issues || json.detail || "The server answered " + answer.status + ".");
    }
    async function submit() {
      const address = email.value.trim();
      const session = await post("/v1/auth/" + mode(), { email: address, password: password.value });
      const bearer = session.accessToken;
      try {
        await post("/v1/admin/claim", { token }, bearer);
      } catch (error) {
        if (mode() === "register") {
          form.elements.mode.value = "login";
          suit();
        }
        throw error;
      } finally {
        await post("/v1/auth/logout", {}, bearer).catch(() => {});
      }
      form.remove();
      find("lead").remove();
      document.querySelector("h1").textContent = "You are an administrator";
      document.title = "You are an administrator · Roost";
      say(session.user.email + " holds the role admin now. You can close this page and sign in.");
      message.focus();
    }
    form.addEventListener("change", suit);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      say("One moment…");
      try { await submit(); } catch (error) { say(error.message, true); }
      button.disabled = false;
    });
    if (token) {
      form.hidden = false;
      suit();
      email.focus();
    } else {
      say("This address is not whole: open the link that roost admin printed.", true);
    }

    """
}
