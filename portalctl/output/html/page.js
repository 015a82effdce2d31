"use strict";
// The page is whole without this: it only hides and sorts rows that are there.
const form = document.querySelector("form");
const rows = Array.from(document.querySelectorAll("tr[data-ops]"), (row, place) => ({
  row,
  place,
  text: row.textContent.toLowerCase(),
  ops: row.dataset.ops.split(" "),
  teams: row.dataset.teams.split(" "),
  rules: row.dataset.rules.split(" "),
}));
const counted = new Intl.NumberFormat("en");

function filter() {
  const { find, ops, teams, rules } = form.elements;
  const words = find.value.toLowerCase().split(/\s+/);
  let shown = 0;
  for (const each of rows) {
    const fits =
      (!ops.value || each.ops.includes(ops.value)) &&
      (!teams.value || each.teams.includes(teams.value)) &&
      (!rules.value || each.rules.includes(rules.value)) &&
      words.every((word) => each.text.includes(word));
    each.row.hidden = !fits;
    shown += fits;
  }
  form.querySelector("output").value = `${counted.format(shown)} of ${counted.format(rows.length)} rows shown`;
}

function sort(button) {
  const head = button.closest("th");
  const body = button.closest("table").tBodies[0];
  const order = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] ?? "ascending";
  for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", order);
  const own = rows.filter((each) => each.row.parentNode === body);
  const keys = new Map(own.map((each) => [each, each.row.cells[head.cellIndex].textContent.trim().toLowerCase()]));
  const sign = { ascending: 1, descending: -1, none: 0 }[order];
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  own.sort((a, b) => sign * compare(keys.get(a), keys.get(b)) || a.place - b.place);
  body.append(...own.map((each) => each.row));
}

form.hidden = rows.length === 0;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(filter));
for (const button of document.querySelectorAll("thead button")) {
  button.disabled = false;
  button.addEventListener("click", () => sort(button));
}
filter();
