(() => {
  "use strict";
  const STEP = 100;
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  const find = $("find"), pair = $("pair"), code = $("code"), category = $("category");
  const order = $("order"), body = $("rows"), more = $("more");
  const heads = [...document.querySelectorAll("th[data-sort]")];

  // All text goes through textContent: nothing an issue says becomes markup.
  function make(tag, css, text, ...children) {
    const made = document.createElement(tag);
    if (css) made.className = css;
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  }

  const rows = data.rows.map(([number, at, left, right, differs, sure]) => ({
    pair: number, of: data.pairs[number], case: data.cases[at],
    left: data.codes[left], right: data.codes[right], differs, sure,
  }));
  for (const c of data.cases) {
    const said = c.said.flatMap(([rater, , , codes, memo]) => [rater, codes, memo]);
    const model = c.codes.map(([name]) => name);
    c.words = [c.id, c.title, c.repo, c.text, c.why, ...model, ...c.quotes.map(([q]) => q), ...said]
      .join("\n").toLowerCase();
  }
  for (const name of [...data.codes].sort(compare)) code.add(new Option(name, name));
  code.value = "";

  let kept = [], shown = STEP, key = "sure", down = true;

  function show() {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    kept = rows.filter((r) => (pair.value === String(r.pair) || pair.value === r.of[2])
      && (!code.value || r.left === code.value || r.right === code.value)
      && (!category.checked || r.differs)
      && wanted.every((word) => r.case.words.includes(word)));
    const by = {
      title: (a, b) => compare(a.case.title, b.case.title),
      left: (a, b) => compare(a.left, b.left) || compare(a.right, b.right),
      right: (a, b) => compare(a.right, b.right) || compare(a.left, b.left),
      sure: (a, b) => (a.sure ?? -1) - (b.sure ?? -1),
    }[key];
    kept.sort((a, b) => (down ? -by(a, b) : by(a, b)));
    body.replaceChildren(...kept.slice(0, shown).map(line));
    told();
  }

  function told() {
    const here = Math.min(shown, kept.length);
    $("count").textContent = kept.length
      ? `${here.toLocaleString("en")} of ${kept.length.toLocaleString("en")}` : "nothing found";
    more.hidden = here === kept.length;
    more.textContent = `Show ${Math.min(STEP, kept.length - here)} more`;
  }

  function line(r) {
    const button = make("button", "title", r.case.title);
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    const notes = [r.case.repo || r.case.id];
    if (r.of[2] !== "blind") notes.push(r.of[2]);
    if (!r.differs) notes.push("same category");
    const row = make("tr", "", "",
      make("td", "what", "", button, make("small", "", notes.join(" · "))),
      make("td", "", "", make("small", "", r.of[0]), r.left),
      make("td", "", "", make("small", "", r.of[1]), r.right),
      make("td", "num sure", r.sure === null ? "–" : r.sure.toFixed(2).replace(/^0/, "")));
    row.addEventListener("click", (event) => {
      if (event.target === button || !getSelection().toString()) toggle(row, button, r.case);
    });
    return row;
  }

  function toggle(row, button, issue) {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    row.classList.toggle("opened", !open);
    if (open) {
      row.nextElementSibling.remove();
      return;
    }
    const cell = make("td", "", "", card(issue));
    cell.colSpan = 4;
    row.after(make("tr", "card", "", cell));
  }

  function card(c) {
    const model = make("div", "said", "",
      make("h4", "", "model ", make("span", "tag", c.status)),
      ...c.codes.map(([name, sure]) => make("p", "answer", `${name} `, make("small", "", sure))));
    if (c.why) model.append(make("p", "text", c.why));
    if (c.how) model.append(make("p", "", `In the text, by the model: ${c.how}.`));
    for (const [quote, verified] of c.quotes) {
      model.append(make("blockquote", verified ? "" : "unverified", `${quote} `,
        make("small", "", verified ? "found in the issue" : "not found in the issue")));
    }
    const people = c.said.map(([rater, kind, action, codes, memo]) => {
      const tag = make("span", kind === "assisted" || kind === "revised" ? "tag warm" : "tag",
        action ? `${kind}: ${action}` : kind);
      const said = make("div", "said", "", make("h4", "", `${rater} `, tag));
      if (codes !== null) said.append(make("p", "answer", codes));
      if (memo) said.append(make("p", "text", memo));
      return said;
    });
    const name = make("h4", "", c.url ? "" : c.id);
    if (c.url) {
      const link = make("a", "", `${c.id} ↗`);
      link.href = c.url;
      link.rel = "noopener noreferrer nofollow";
      link.target = "_blank";
      name.append(link);
    }
    const text = make("p", "text", c.text || "(no text)");
    text.tabIndex = 0;
    return make("div", "open", "", model, ...people, make("div", "issue", "", name, text));
  }

  function sort(by, descending) {
    key = by;
    down = descending;
    for (const head of heads) {
      if (head.dataset.sort === key) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    order.value = `${key} ${down ? "down" : "up"}`;
    show();
  }

  for (const input of [find, pair, code, category]) {
    input.addEventListener("input", () => { shown = STEP; show(); });
  }
  order.addEventListener("input", () => {
    const [by, way] = order.value.split(" ");
    sort(by, way === "down");
  });
  for (const head of heads) {
    head.firstElementChild.addEventListener("click", () => {
      const by = head.dataset.sort;
      sort(by, by === key ? !down : by === "sure");
    });
  }
  more.addEventListener("click", () => {
    const next = kept.slice(shown, shown + STEP).map(line);
    shown += STEP;
    body.append(...next);
    told();
    next[0].querySelector("button").focus();
  });
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("controls").hidden = false;
  body.classList.remove("plain");
  sort("sure", true);
})();
