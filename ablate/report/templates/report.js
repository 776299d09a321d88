"use strict";
(function () {
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const all = (root, selector) => [...root.querySelectorAll(selector)];
  const number = (text) => {
    const found = text.replace(/\u2212/g, "-").replace(/[\u00a0,]/g, "").match(/[-+<]?\d*\.?\d+/);
    return found ? parseFloat(found[0].replace("<", "")) - (found[0][0] === "<" ? 1e-9 : 0) : null;
  };

  // What a mark says, at a pointer, a tap or the keyboard's focus. Titles are for readers without scripts.
  const tip = make("div", { className: "tip", hidden: true });
  tip.setAttribute("role", "status");
  document.body.append(tip);
  const hide = () => { tip.hidden = true; };
  const show = (lines, x, y) => {
    tip.replaceChildren(...lines.map((line) => make("div", { textContent: line })));
    tip.hidden = false;
    const left = Math.min(x + 12, document.documentElement.clientWidth - tip.offsetWidth - 4);
    const above = y - tip.offsetHeight - 12;
    tip.style.left = `${Math.max(4, left) + window.scrollX}px`;
    tip.style.top = `${(above > 4 ? above : y + 16) + window.scrollY}px`;
  };
  // A finger leaves at once, and what it asked for stays until the next tap.
  const ended = (mark, leave) => {
    mark.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") leave(); });
    mark.addEventListener("blur", leave);
  };
  const explain = (mark, lines) => {
    mark.setAttribute("tabindex", "0");
    const here = (event) => show(lines(event.target), event.clientX, event.clientY);
    for (const kind of ["pointermove", "pointerdown"]) mark.addEventListener(kind, here);
    mark.addEventListener("focus", () => {
      const box = mark.getBoundingClientRect();
      if (tip.hidden) show(lines(mark), box.left + box.width / 2, box.top);
    });
    ended(mark, hide);
  };
  for (const title of all(document, "svg title")) {
    title.parentElement.dataset.tip = title.textContent;
    title.remove();
  }
  for (const strip of all(document, ".strip")) {
    const name = strip.getAttribute("aria-label"), seeds = all(strip, ".seed").map((seed) => seed.dataset.tip);
    explain(strip, (target) => (target.dataset.tip ? [target.dataset.tip, name] : [name, seeds.join(", ")]));
  }
  for (const mark of all(document, ".scatter [data-tip]")) explain(mark, () => [mark.dataset.tip]);

  // Curves: the values of all of them at a step, and of the seed that is nearest.
  const places = (line) => line.getAttribute("points").trim().split(" ").map((pair) => pair.split(",").map(Number));
  const nearest = (points, x) => points.reduce((best, p, i) => (Math.abs(p[0] - x) < Math.abs(points[best][0] - x) ? i : best), 0);
  const at = (line, x) => {
    const points = (line.places ||= places(line)), i = nearest(points, x);
    return { x: points[i][0], y: points[i][1], step: line.dataset.steps?.split("|")[i], value: line.dataset.values.split("|")[i] };
  };
  const seedNear = (curves, x, y) => {
    const seeds = curves.flatMap((curve) => all(curve, ".run").map((line) => ({ line, curve, ...at(line, x) })));
    const [best] = seeds.sort((a, b) => Math.abs(a.y - y) - Math.abs(b.y - y));
    return best && Math.abs(best.y - y) < 8 ? best : null;
  };
  for (const area of all(document, ".panel .area")) {
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cursor.setAttribute("class", "cursor off");
    cursor.setAttribute("y2", "100%");
    area.append(cursor);
    let place = 100;
    const leave = () => {
      hide();
      cursor.classList.add("off");
      all(area, ".near").forEach((line) => line.classList.remove("near"));
    };
    const look = (x, y) => {
      leave();
      const curves = all(area, ".curve:not(.off)");
      if (!curves.length) return;
      const points = curves.map((curve) => at(curve.querySelector(".line"), x));
      const first = points.reduce((best, p) => (Math.abs(p.x - x) < Math.abs(best.x - x) ? p : best));
      const seed = y === null ? null : seedNear(curves, x, y), box = area.getBoundingClientRect();
      seed?.line.classList.add("near");
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, `${first.x}%`);
      cursor.classList.remove("off");
      place = first.x;
      show([
        `${area.dataset.across} ${first.step}`,
        ...curves.map((curve, k) => `${curve.dataset.name}: ${points[k].value}`),
        ...(seed ? [`${seed.curve.dataset.name}, ${seed.line.dataset.name}: ${seed.value}`] : []),
      ], box.left + (box.width * first.x) / 100, box.top);
    };
    const point = (event) => {
      const box = area.getBoundingClientRect();
      look((100 * (event.clientX - box.left)) / box.width, (100 * (event.clientY - box.top)) / box.height);
    };
    for (const kind of ["pointermove", "pointerdown"]) area.addEventListener(kind, point);
    area.setAttribute("tabindex", "0");
    area.addEventListener("focus", () => { if (tip.hidden) look(place, null); });
    area.addEventListener("keydown", (event) => {
      const sign = { ArrowLeft: -1, ArrowRight: 1 }[event.key], line = area.querySelector(".curve:not(.off) .line");
      if (event.key === "Escape") leave();
      if (!sign || !line) return;
      const points = places(line), i = nearest(points, place) + sign;
      event.preventDefault();
      look(points[Math.min(Math.max(i, 0), points.length - 1)][0], null);
    });
    ended(area, leave);
  }
  for (const panel of all(document, ".panel")) {
    const parts = [all(panel, ".curve"), all(panel, ".crosses")];
    all(panel, ".key li").forEach((item, k) => {
      const button = make("button", { type: "button" }, ...item.childNodes);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        for (const part of parts) part[k].classList.toggle("off", !shown);
      });
      item.replaceChildren(button);
    });
  }

  // Tables: copy and download, sort and filter.
  const guard = (text) => (/^[=+\-@|\t\r\n＝＋－＠]/.test(text) && !/^[-+][\d.]+$/.test(text) ? `'${text}` : text);
  const spread = (text) => guard(text.replace(/\u2212/g, "-").replace(/(\d)\u00a0(?=\d)/g, "$1"));
  const tex = (text) => text.replace(/\\/g, "\\textbackslash ").replace(/[&%$#_{}]/g, "\\$&").replace(/~/g, "\\textasciitilde{}")
    .replace(/\^/g, "\\textasciicircum{}").replace(/</g, "$<$").replace(/>/g, "$>$")
    .replace(/\u2212/g, "$-$").replace(/\u00d7/g, "$\\times$").replace(/\u00b1/g, "$\\pm$").replace(/\u2013/g, "--").replace(/\u00a0/g, "~");
  const formats = {
    TSV: (rows) => rows.map((row) => row.map(spread).join("\t")).join("\n"),
    Markdown: ([head, ...rows], numeric) => [head, numeric.map((is) => (is ? "---:" : ":---")), ...rows]
      .map((row, i) => `| ${row.map((text) => (i === 1 ? text : text.replace(/[\\|`*_<>[\]]/g, "\\$&"))).join(" | ")} |`).join("\n"),
    LaTeX: ([head, ...rows], numeric) => {
      const line = (row) => `${row.map(tex).join(" & ")} \\\\`;
      const columns = numeric.map((is) => (is ? "r" : "l")).join("");
      return [`\\begin{tabular}{${columns}}`, "\\toprule", line(head), "\\midrule", ...rows.map(line), "\\bottomrule", "\\end{tabular}"].join("\n");
    },
    CSV: (rows) => rows.map((row) => row.map(spread).map((text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text)).join(",")).join("\n") + "\n",
  };
  const texts = (table) => all(table, "tr").filter((row) => !row.hidden).map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.body.appendChild(make("textarea", { value: text }));
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  const save = (text, name) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  all(document, ".wide:not(.pictures) table").forEach((table, k) => {
    const numeric = [...table.rows[0].cells].map((head) => head.classList.contains("number"));
    const place = table.closest("[id]:not(table)")?.id || "table";
    const buttons = Object.entries(formats).map(([kind, write]) => {
      const words = kind === "CSV" ? "download CSV" : `copy as ${kind}`, button = make("button", { type: "button", textContent: words });
      button.addEventListener("click", async () => {
        const text = write(texts(table), numeric);
        await (kind === "CSV" ? save(text, `${place}-${k + 1}.csv`) : copy(text));
        button.textContent = "done";
        setTimeout(() => { button.textContent = words; }, 1200);
      });
      return button;
    });
    table.closest(".wide").before(make("div", { className: "export" }, ...buttons));
  });

  const compare = (a, b, numeric, sign) => {
    if (!numeric) return sign * a.localeCompare(b, "en", { numeric: true });
    const x = number(a), y = number(b);
    // What has no number stays at the end in both directions.
    return x === null || y === null ? (x === null) - (y === null) : sign * (x - y);
  };
  const sort = (table, column, head) => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const body = table.tBodies[0], numeric = head.classList.contains("number");
    const text = (row) => row.cells[column].textContent.trim();
    [...body.rows].sort((a, b) => compare(text(a), text(b), numeric, sign)).forEach((row) => body.append(row));
    all(table, "thead th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  };
  const table = document.getElementById("arms-table"), tools = document.getElementById("tools");
  if (table) all(table, "thead th").forEach((head, column) => {
    const button = make("button", { type: "button", textContent: head.textContent });
    button.addEventListener("click", () => sort(table, column, head));
    head.replaceChildren(button);
  });
  if (tools) {
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
  }

  // The page of a running study loads itself again: readers stay where they are.
  if (document.querySelector('meta[http-equiv="refresh"]')) {
    const key = `scroll ${location.pathname}`;
    try {
      window.scrollTo(0, Number(sessionStorage.getItem(key)) || 0);
      window.addEventListener("pagehide", () => sessionStorage.setItem(key, String(window.scrollY)));
    } catch { /* a browser that stores nothing */ }
  }
})();
