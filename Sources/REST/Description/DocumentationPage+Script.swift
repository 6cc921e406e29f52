extension DocumentationPage {
  static let script = #"""

    "use strict";
    const find = (id) => document.getElementById(id);
    const message = find("message"), token = find("token"), main = find("operations");
    let api = {};
    let number = 0;

    /** An element with attributes and children; texts become text, never markup. */
    function make(name, attributes, ...children) {
      const element = document.createElement(name);
      for (const [key, value] of Object.entries(attributes || {})) {
        if (value === true) element.setAttribute(key, "");
        else if (value !== false && value !== undefined) element.setAttribute(key, value);
      }
      element.append(...children.flat().filter((child) => child !== undefined && child !== null));
      return element;
    }
    /** A text in which `words` between backticks are code. */
    function prose(text) {
      return String(text || "").split("`").map((part, index) =>
        index % 2 ? make("code", {}, part) : part);
    }
    function resolve(value) {
      let steps = 0;
      while (value && value.$ref && steps++ < 20) {
        const place = value.$ref.slice(2).split("/");
        const { $ref, ...beside } = value;
        value = { ...place.reduce((part, key) => part && part[key], api), ...beside };
      }
      return value || {};
    }
    const show = (value) => JSON.stringify(value, null, 2);

    /** The type of a schema in a few words. */
    function words(schema, depth = 0) {
      if (!schema) return "";
      if (schema.$ref && depth > 0) return schema.$ref.split("/").pop();
      const given = resolve(schema);
      if (given["x-roost-type"] && depth === 0) return given["x-roost-type"];
      if (given.enum) return given.enum.join(" | ");
      const choices = given.anyOf || given.oneOf;
      if (choices) return choices.map((one) => words(one, depth + 1)).join(" or ");
      const types = [].concat(given.type || "any");
      if (given.items) return "list of " + words(given.items, depth + 1);
      return types.join(" or ") + (given.format ? " (" + given.format + ")" : "");
    }
    function bounds(given) {
      const names = ["minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "pattern",
        "minItems", "maxItems", "default"];
      return names.filter((name) => given[name] !== undefined)
        .map((name) => name + " " + (typeof given[name] === "string" ? given[name]
          : JSON.stringify(given[name]))).join(", ");
    }
    function table(schema) {
      const given = resolve(schema);
      if (!given.properties) return make("pre", {}, show(given));
      const needed = new Set(given.required || []);
      const rows = Object.entries(given.properties).map(([name, property]) => {
        const own = resolve(property);
        const limits = bounds(own);
        return make("tr", {},
          make("td", {}, make("code", {}, name), needed.has(name) ? " required" : ""),
          make("td", {}, words(property)),
          make("td", {}, prose(own.description), limits ? make("div", { class: "quiet" }, limits)
            : null));
      });
      return make("div", { class: "scroll", tabindex: "0", role: "group",
        "aria-label": "Members" }, make("table", {},
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Member"),
          make("th", { scope: "col" }, "Type"), make("th", { scope: "col" }, "Means"))),
        make("tbody", {}, rows)));
    }

    // One operation

    function inputFor(parameter) {
      const id = "p" + (++number);
      const schema = resolve(parameter.schema);
      let input;
      if (schema.enum && schema.enum.length <= 30) {
        input = make("select", { id }, make("option", { value: "" }, ""),
          schema.enum.map((value) => make("option", { value }, value)));
      } else {
        const example = [].concat(parameter.example ?? (schema.examples || [])[0] ?? "").join(",");
        input = make("input", { id, type: "text", autocomplete: "off", spellcheck: "false",
          placeholder: example ? "e.g. " + example : "" });
      }
      const items = schema.items ? resolve(schema.items) : {};
      const note = [].concat(prose(parameter.description));
      if (items.enum) note.push(" Of: " + items.enum.join(", ") + ".");
      return { parameter, input, row: make("div", { class: "field" },
        make("label", { for: id }, parameter.name + " ",
          make("span", { class: "quiet" }, parameter.in + (parameter.required ? ", required" : ""))),
        make("p", {}, note), input) };
    }
    function target(path, inputs) {
      let url = path;
      const query = [];
      for (const { parameter, input } of inputs) {
        const value = input.value;
        if (parameter.in === "path") {
          url = url.replace("{" + parameter.name + "}", encodeURIComponent(value));
        } else if (parameter.in === "query" && value !== "") {
          query.push(parameter.name + "=" + encodeURIComponent(value).replace(/%2C/g, ","));
        }
      }
      return url + (query.length ? "?" + query.join("&") : "");
    }
    async function send(method, path, inputs, body, output, button) {
      for (const { parameter, input } of inputs) {
        if (parameter.required && input.value === "") {
          output.replaceChildren(make("p", { class: "bad" }, parameter.name + " is required."));
          input.focus();
          return;
        }
      }
      const headers = {};
      for (const { parameter, input } of inputs) {
        if (parameter.in === "header" && input.value !== "") headers[parameter.name] = input.value;
      }
      if (token.value) headers.Authorization = "Bearer " + token.value;
      const options = { method, headers };
      if (body && body.value !== "") {
        headers["Content-Type"] = "application/json";
        options.body = body.value;
      }
      const url = target(path, inputs);
      const shown = { ...headers };
      if (shown.Authorization) shown.Authorization = "Bearer …";
      const request = method + " " + url + "\n"
        + Object.entries(shown).map(([name, value]) => name + ": " + value + "\n").join("")
        + (options.body ? "\n" + options.body : "");
      button.disabled = true;
      output.replaceChildren(make("p", {}, "One moment…"));
      try {
        const answer = await fetch(url, options);
        const text = await answer.text();
        let pretty = text;
        try { pretty = text ? show(JSON.parse(text)) : "(no body)"; } catch { /* no JSON */ }
        const fields = [...answer.headers].map(([name, value]) => name + ": " + value).join("\n");
        output.replaceChildren(
          make("h3", {}, "Request"), make("pre", { tabindex: "0" }, request),
          make("h3", { class: answer.ok ? "" : "bad" },
            "Answer: " + answer.status + " " + answer.statusText),
          make("pre", { tabindex: "0" }, pretty),
          make("details", {}, make("summary", {}, "Header fields"),
            make("pre", { tabindex: "0" }, fields)));
      } catch (error) {
        output.replaceChildren(make("p", { class: "bad" }, "No answer: " + error.message));
      }
      button.disabled = false;
      output.focus();
    }
    function fill(content, method, path, operation, shared) {
      content.append(make("p", {}, prose(operation.description)));
      const parameters = [...shared, ...(operation.parameters || [])].map(resolve);
      const inputs = parameters.map(inputFor);
      const request = resolve(operation.requestBody);
      const media = request.content && request.content["application/json"];
      let body, label;
      if (media) {
        const id = "b" + (++number);
        body = make("textarea", { id, spellcheck: "false" });
        body.value = media.example === undefined ? "" : show(media.example);
        label = make("label", { for: id }, "Body ",
          make("span", { class: "quiet" }, request.required ? "required" : ""));
      }
      const output = make("div", { class: "answer", "aria-live": "polite", tabindex: "-1" });
      const button = make("button", { type: "submit" }, "Send");
      const form = make("form", { autocomplete: "off" }, make("h3", {}, "Try it"),
        inputs.map((one) => one.row),
        media ? make("div", { class: "field" }, label, body) : null, button);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        send(method, path, inputs, body, output, button);
      });
      content.append(form, output);
      if (media) content.append(make("h3", {}, "What the body holds"), table(media.schema));
      content.append(make("h3", {}, "Answers"));
      const rows = Object.entries(operation.responses || {}).map(([status, response]) => {
        const given = resolve(response);
        return make("tr", {}, make("td", {}, make("code", {}, status)),
          make("td", {}, prose(given.description)));
      });
      content.append(make("div", { class: "scroll" }, make("table", {}, make("tbody", {}, rows))));
      for (const [status, response] of Object.entries(operation.responses || {})) {
        const json = (resolve(response).content || {})["application/json"];
        if (!json || !status.startsWith("2")) continue;
        content.append(make("details", {}, make("summary", {}, "Example and members of " + status),
          json.example === undefined ? null : make("pre", { tabindex: "0" }, show(json.example)),
          table(json.schema)));
      }
    }

    // The page

    function render() {
      find("title").textContent = api.info.title;
      find("version").textContent = "Version " + api.info.version;
      document.title = api.info.title + " " + api.info.version + " · Roost";
      const groups = new Map(api.tags.map((tag) => [tag.name, { tag, operations: [] }]));
      for (const [path, item] of Object.entries(api.paths)) {
        for (const method of ["get", "post", "patch", "put", "delete"]) {
          const operation = item[method];
          if (!operation) continue;
          const group = groups.get(operation.tags[0]);
          group.operations.push({ path, method: method.toUpperCase(), operation,
            shared: item.parameters || [] });
        }
      }
      message.remove();
      for (const { tag, operations } of groups.values()) {
        if (!operations.length) continue;
        const id = "tag-" + tag.name;
        const section = make("section", { id, "aria-labelledby": id + "-title" },
          make("h2", { id: id + "-title" }, tag.name), make("p", {}, prose(tag.description)));
        for (const { path, method, operation, shared } of operations) {
          const content = make("div");
          const details = make("details",
            { class: "operation" + (operation.deprecated ? " gone" : ""),
              id: operation.operationId },
            make("summary", {}, make("span", { class: "method" }, method),
              make("span", { class: "path" }, path),
              make("span", { class: "quiet" }, operation.summary)), content);
          details.dataset.words = (method + " " + path + " " + operation.summary).toLowerCase();
          details.addEventListener("toggle", () => {
            if (details.open && !content.hasChildNodes()) {
              fill(content, method, path, operation, shared);
            }
          });
          section.append(details);
        }
        main.append(section);
        find("contents").append(make("li", {}, make("a", { href: "#" + id }, tag.name)));
      }
      if (location.hash) {
        const place = find(decodeURIComponent(location.hash.slice(1)));
        if (place) {
          if (place.tagName === "DETAILS") place.open = true;
          place.scrollIntoView();
        }
      }
    }
    find("find").addEventListener("input", (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      for (const section of main.querySelectorAll("section")) {
        let some = false;
        for (const details of section.querySelectorAll("details.operation")) {
          details.hidden = !details.dataset.words.includes(wanted);
          some = some || !details.hidden;
        }
        section.hidden = !some;
      }
    });
    find("session").addEventListener("submit", (event) => event.preventDefault());
    if (document.body.dataset.development === "true") {
      const button = find("anonymous");
      button.hidden = false;
      button.addEventListener("click", async () => {
        button.disabled = true;
        try {
          const answer = await fetch("/v1/auth/anonymous", { method: "POST" });
          const session = await answer.json();
          if (!answer.ok) throw new Error(session.detail);
          token.value = session.accessToken;
          find("who").textContent = "Signed in as " + session.user.id + ".";
        } catch (error) {
          find("who").textContent = error.message;
        }
        button.disabled = false;
      });
    }
    (async () => {
      try {
        const answer = await fetch("/openapi.json");
        if (!answer.ok) throw new Error("the server answered " + answer.status);
        api = await answer.json();
        render();
      } catch (error) {
        message.className = "bad";
        message.textContent = "The description cannot be read: " + error.message;
      }
    })();

    """#
}
