(() => {
  "use strict";
  document.documentElement.classList.add("js");
  const $ = (id) => document.getElementById(id);
  const lists = [...document.querySelectorAll(".cases")];
  const cases = lists.flatMap((list) => [...list.querySelectorAll(".case")]);
  const find = $("find"), pair = $("pair"), code = $("code"), category = $("category");

  const codes = new Set(cases.flatMap((c) => [c.dataset.left, c.dataset.right]));
  for (const name of [...codes].sort()) code.add(new Option(name, name));

  const haystack = new Map(cases.map((c) => [c, c.textContent.toLowerCase()]));
  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const c of cases) {
      const d = c.dataset;
      const keep = (!pair.value || d.pair === pair.value)
        && (!code.value || d.left === code.value || d.right === code.value)
        && (!category.checked || d.category === "1")
        && words.every((word) => haystack.get(c).includes(word));
      c.hidden = !keep;
      shown += keep;
    }
    $("count").textContent = shown + " of " + cases.length;
  }

  function sort(list, buttons, button) {
    const key = button.dataset.sort;
    const down = button.getAttribute("aria-sort") !== "descending" && (key === "sure"
      || button.getAttribute("aria-sort") === "ascending");
    for (const other of buttons) other.removeAttribute("aria-sort");
    button.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (c) => key === "sure" ? Number(c.dataset.sure || -1) : c.dataset[key];
    const order = (a, b) => key === "sure" ? value(a) - value(b) : value(a).localeCompare(value(b));
    const own = [...list.querySelectorAll(".case")];
    own.sort((a, b) => (down ? -1 : 1) * order(a, b));
    list.append(...own);
  }

  for (const input of [find, pair, code, category]) input.addEventListener("input", filter);
  for (const list of lists) {
    const buttons = [...list.querySelectorAll("[data-sort]")];
    for (const button of buttons) {
      button.addEventListener("click", () => sort(list, buttons, button));
    }
  }
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
