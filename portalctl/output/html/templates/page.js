"use strict";
// The page is complete without this script, which only hides and sorts rows. The rows of one rule are a <tbody>; its
// first row names the rule. Sorting by a column moves all rows of the table into one <tbody> and adds a cell with the
// rule to each row.
const form = document.querySelector("form[role=search]");
const lists = form ? Array.from(form.querySelectorAll("select")) : [];
const counted = new Intl.NumberFormat("en");
const groups = Array.from(document.querySelectorAll(".filtered > tbody"), (body) => ({
  body,
  head: body.querySelector(".rule"),
  rows: [],
}));
const rows = [];
for (const group of groups) {
  const words = group.head?.textContent.toLowerCase() ?? "";
  for (const row of group.body.rows) {
    if (row === group.head) continue;
    const values = { ...group.body.dataset, ...row.dataset };
    const tokens = Object.fromEntries(lists.map(({ name }) => [name, (values[name] ?? "").split(" ")]));
    const item = { row, group, place: rows.length, text: `${row.textContent.toLowerCase()} ${words}`, tokens };
    rows.push(item);
    group.rows.push(item);
  }
}

function filter() {
  const words = form.elements.find.value.toLowerCase().split(/\s+/);
  const chosen = lists.filter((list) => list.value);
  let shown = 0;
  for (const { row, text, tokens } of rows) {
    const fits =
      chosen.every((list) => tokens[list.name].includes(list.value)) && words.every((word) => text.includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  for (const { head, rows } of groups) if (head) head.hidden = rows.every(({ row }) => row.hidden);
  form.querySelector("output").value = `${counted.format(shown)} of ${counted.format(rows.length)} rows shown`;
}

function withRule({ row, group }) {
  if (!group.head || row.querySelector(".why")) return;
  const cell = row.insertCell();
  cell.className = "why";
  cell.append(...group.head.firstElementChild.cloneNode(true).childNodes);
}

function sort(button) {
  const head = button.closest("th");
  const table = button.closest("table");
  const order = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] ?? "ascending";
  for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", order);
  const own = rows.filter(({ group }) => group.body.parentNode === table);
  table.classList.toggle("flat", order !== "none");
  if (order === "none") {
    for (const { row, group } of own) group.body.append(row);
    return;
  }
  own.forEach(withRule);
  const key = ({ row }) => row.cells[head.cellIndex].textContent.trim().toLowerCase();
  const keys = new Map(own.map((item) => [item, key(item)]));
  const sign = order === "ascending" ? 1 : -1;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = own.toSorted((a, b) => sign * compare(keys.get(a), keys.get(b)) || a.place - b.place);
  table.tBodies[table.tBodies.length - 1].append(...sorted.map(({ row }) => row));
}

if (form && rows.length > 0) {
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  for (const button of document.querySelectorAll(".filtered > thead button")) {
    button.disabled = false;
    button.addEventListener("click", () => sort(button));
  }
  filter();
}
