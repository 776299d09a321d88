"use strict";
(function () {
  const number = (text) => {
    const found = text.replace(/\u2212/g, "-").replace(/[\u00a0,]/g, "").match(/[-+<]?\d*\.?\d+/);
    return found ? parseFloat(found[0].replace("<", "")) - (found[0][0] === "<" ? 1e-9 : 0) : null;
  };
  const compare = (a, b, numeric, sign) => {
    if (!numeric) return sign * a.localeCompare(b, "en", { numeric: true });
    const x = number(a), y = number(b);
    // What has no number stays at the end in both directions.
    return x === null || y === null ? (x === null) - (y === null) : sign * (x - y);
  };
  const sort = (table, column, head) => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const body = table.tBodies[0];
    const numeric = head.classList.contains("number");
    const text = (row) => row.cells[column].textContent.trim();
    [...body.rows].sort((a, b) => compare(text(a), text(b), numeric, sign)).forEach((row) => body.append(row));
    table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  };
  const table = document.getElementById("arms-table");
  if (!table) return;
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(table, column, head));
    head.replaceChildren(button);
  });
  const tools = document.getElementById("tools");
  if (!tools) return;
  const words = document.getElementById("filter-words"), verdict = document.getElementById("filter-verdict");
  const count = document.getElementById("filter-count");
  const filter = () => {
    const wanted = words.value.trim().toLowerCase();
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !(row.textContent.toLowerCase().includes(wanted) && (!verdict.value || row.dataset.verdict === verdict.value));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${table.tBodies[0].rows.length} arms`;
  };
  words.addEventListener("input", filter);
  verdict.addEventListener("change", filter);
  tools.hidden = false;
  filter();
})();
