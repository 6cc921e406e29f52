extension DocumentationPage {
  static let style = """

    :root { color-scheme: light dark; --ink: #1d2328; --paper: #fbfaf7; --card: #ffffff;
      --line: #d3d0c7; --edge: #767f87; --accent: #1f5f4a; --on-accent: #ffffff; --bad: #a3231c;
      --quiet: #505a62; --code: #f1efe8; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #edeae3; --paper: #171b1e; --card: #1e2327; --line: #3a4248; --edge: #88929b;
        --accent: #8fd3b8; --on-accent: #10231b; --bad: #ffaaa1; --quiet: #b4bcc3;
        --code: #262c31; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--paper); color: var(--ink);
      font: 1rem/1.5 system-ui, sans-serif; }
    header, .columns { max-width: 78rem; margin: 0 auto; padding: 0 1.25rem; }
    header { padding-top: 1.75rem; }
    h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; }
    h2 { font-size: 1.25rem; margin: 2rem 0 .25rem; }
    h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
    p { margin: .25rem 0 .75rem; }
    a { color: var(--accent); }
    #version, .quiet { color: var(--quiet); }
    .skip { position: absolute; left: -100rem; }
    .skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem; z-index: 2; }
    #session { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
    #session label { font-weight: 600; }
    #session input { flex: 1 1 14rem; min-width: 0; }
    .columns { display: grid; grid-template-columns: 15rem minmax(0, 1fr); gap: 2rem;
      padding-bottom: 4rem; }
    nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto;
      padding: 1.5rem 0; }
    nav ul { list-style: none; margin: .75rem 0; padding: 0; }
    nav li a { display: block; padding: .25rem .4rem; text-decoration: none; border-radius: .3rem;
      overflow-wrap: anywhere; }
    nav li a:hover { background: var(--code); }
    main:focus { outline: none; }
    input, select, textarea, button { font: inherit; color: inherit; }
    input, select, textarea { background: var(--card); border: 1px solid var(--edge);
      border-radius: .4rem; padding: .45rem .6rem; width: 100%; }
    textarea { min-height: 9rem; font: .875rem/1.45 ui-monospace, monospace; resize: vertical; }
    button { font-weight: 600; padding: .5rem .9rem; cursor: pointer; border: 0;
      border-radius: .4rem; background: var(--accent); color: var(--on-accent); }
    button:disabled { opacity: .6; cursor: progress; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    details.operation { background: var(--card); border: 1px solid var(--line);
      border-radius: .5rem; margin: .5rem 0; }
    details.operation > summary { cursor: pointer; padding: .6rem .8rem; display: flex;
      flex-wrap: wrap; gap: .25rem .7rem; align-items: baseline; border-radius: .5rem; }
    details.operation > div { padding: 0 .8rem 1rem; border-top: 1px solid var(--line); }
    .method { font: 700 .8rem/1.4 ui-monospace, monospace; min-width: 4.2rem;
      color: var(--accent); }
    .path { font: .95rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
    .gone .path { text-decoration: line-through; }
    code, pre { font: .875rem/1.45 ui-monospace, monospace; background: var(--code); }
    code { padding: .05rem .25rem; border-radius: .25rem; overflow-wrap: anywhere; }
    pre { margin: .4rem 0; padding: .7rem; border-radius: .4rem; overflow: auto;
      max-height: 28rem; white-space: pre-wrap; overflow-wrap: anywhere; }
    .field { margin: .6rem 0; }
    .field label { font-weight: 600; display: block; }
    .field p { margin: .1rem 0 .3rem; color: var(--quiet); font-size: .9rem; }
    table { border-collapse: collapse; width: 100%; font-size: .92rem; }
    .scroll { overflow-x: auto; }
    th, td { text-align: left; vertical-align: top; padding: .35rem .5rem .35rem 0;
      border-top: 1px solid var(--line); }
    td:first-child code { white-space: nowrap; overflow-wrap: normal; }
    .bad { color: var(--bad); }
    .answer { margin-top: 1rem; }
    .answer:focus { outline: none; }
    @media (max-width: 46rem) {
      .columns { display: block; }
      nav { position: static; max-height: none; padding: 1rem 0 0; }
      nav ul { display: flex; flex-wrap: wrap; gap: .1rem .3rem; }
      header, .columns { padding-left: 1rem; padding-right: 1rem; } }

    """
}
