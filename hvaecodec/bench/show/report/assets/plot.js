"use strict";
// Rate against a measure, drawn as SVG: curves can be switched off, points read by mouse, finger and arrow keys.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

function node(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") made.style.cssText = value; // as an attribute the page's policy would refuse it
    else made.setAttribute(key, value);
  }
  if (text !== undefined) made.textContent = text;
  return made;
}

function option(select, value, text) {
  select.add(new Option(text, value));
}

(function () {
  const svg = $("plot"), hidden = new Set(), box = { left: 74, right: 16, top: 16, bottom: 58 };
  const colours = new Map(), dashes = ["none", "8 3", "8 3 2 3", "2 3"];
  let points = [], here = -1, W = 800, H = 480;

  function fit() { // a unit is a pixel up to 800, so that words keep their size on a phone
    W = Math.min(800, Math.max(320, svg.clientWidth));
    H = Math.max(300, 0.6 * W);
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  }

  function curvesOf(plot) {
    const image = DATA.images[$("of").value];
    if (!image) return plot.curves;
    return image.curves[plot.id] || []; // published curves are means over Kodak, no matter for one image
  }

  function colour(curve) {
    if (curve.kind === "published") return "var(--dim)";
    if (!colours.has(curve.name)) colours.set(curve.name, `var(--c${colours.size % 9})`);
    return colours.get(curve.name);
  }

  function dash(curve) {
    if (curve.estimated) return "6 4";
    const greys = DATA.plots[$("metric").value].curves.filter((c) => c.kind === "published").map((c) => c.name);
    return curve.kind === "published" ? dashes[greys.indexOf(curve.name) % dashes.length] : "none";
  }

  const key = (curve) => curve.name + "|" + curve.kind + "|" + curve.estimated;
  const label = (curve) => curve.name + (curve.estimated ? ", estimated bits" : curve.kind === "published" ? " (published)" : "");

  function ticks(low, high, log) {
    if (log) {
      const all = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
        for (const m of [1, 2, 5]) all.push(m * 10 ** e);
      return all.filter((t) => t >= low * 0.999 && t <= high * 1.001);
    }
    const raw = (high - low) / 6, unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((m) => m * unit >= raw) * unit, all = [];
    for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-6; t += step) all.push(t);
    return all;
  }

  function scale(low, high, log, from, to) {
    const f = log ? Math.log : (x) => x, a = f(low), b = f(high);
    return (x) => from + ((f(x) - a) / (b - a || 1)) * (to - from);
  }

  const short = (x) => String(+x.toPrecision(4));

  function draw() {
    const plot = DATA.plots[$("metric").value];
    fit();
    svg.replaceChildren();
    points = [];
    here = -1;
    if (!plot) return;
    const other = plot.across !== undefined; // against another measure, and not the rate
    const reach = other ? Infinity : +$("reach").value || Infinity, logRate = !other && $("log-rate").checked;
    const all = curvesOf(plot), curves = all.filter((c) => !hidden.has(key(c)));
    const inside = curves.flatMap((c) => c.points).filter((p) => p[0] <= reach && p[0] > 0);
    legend(all);
    if (!inside.length) {
      svg.append(node("text", { x: W / 2, y: H / 2, "text-anchor": "middle" }, "no curve is switched on here"));
      return;
    }
    const rates = inside.map((p) => p[0]), values = inside.map((p) => p[1]);
    let low = Math.min(...values), high = Math.max(...values);
    if (plot.log) { low /= 1.15; high *= 1.15; } else { const pad = (high - low) * 0.05 || 1; low -= pad; high += pad; }
    const most = Math.max(...rates), least = Math.min(...rates);
    const left = logRate ? least * 0.9 : other ? least - 0.05 * (most - least || 1) : 0;
    const right = logRate ? most * 1.1 : other ? most + 0.05 * (most - least || 1) : Number.isFinite(reach) && most > reach * 0.7 ? reach : most * 1.03;
    const x = scale(left, right, logRate, box.left, W - box.right), y = scale(low, high, plot.log, H - box.bottom, box.top);
    axes(plot, ticks(left, right, logRate), ticks(low, high, plot.log), x, y);
    for (const curve of curves) line(curve, curve.points.filter((p) => p[0] <= right && p[0] >= left && p[0] > 0), x, y);
    const counted = curves.length === 1 ? "1 curve" : `${curves.length} curves`;
    svg.setAttribute("aria-label", `${plot.label}${other ? "" : " against bits per pixel"}, ${counted}; arrow keys walk over the points`);
  }

  function axes(plot, across, up, x, y) {
    for (const t of across) {
      svg.append(node("line", { class: "grid", x1: x(t), x2: x(t), y1: box.top, y2: H - box.bottom }));
      svg.append(node("text", { x: x(t), y: H - box.bottom + 22, "text-anchor": "middle" }, short(t)));
    }
    for (const t of up) {
      svg.append(node("line", { class: "grid", x1: box.left, x2: W - box.right, y1: y(t), y2: y(t) }));
      svg.append(node("text", { x: box.left - 8, y: y(t) + 5, "text-anchor": "end" }, short(t)));
    }
    svg.append(node("text", { x: (box.left + W - box.right) / 2, y: H - 10, "text-anchor": "middle" }, plot.across || "bits per pixel of the whole file"));
    const words = (plot.up || plot.label) + (plot.higher ? "" : ", lower is better");
    svg.append(node("text", { transform: `translate(20 ${(H - box.bottom) / 2 + 8}) rotate(-90)`, "text-anchor": "middle" }, words));
  }

  function line(curve, shown, x, y) {
    const group = node("g", { class: curve.kind + (curve.estimated ? " estimated" : ""), "data-curve": key(curve) });
    const ink = colour(curve), places = shown.map((p) => [x(p[0]), y(p[1])]);
    group.append(node("path", { d: places.map((p, i) => (i ? "L" : "M") + p[0].toFixed(1) + " " + p[1].toFixed(1)).join(""), style: `stroke:${ink}`, "stroke-dasharray": dash(curve) }));
    places.forEach((place, i) => {
      if (curve.kind !== "published") {
        const style = curve.estimated ? `stroke:${ink}` : `fill:${ink}`;
        group.append(node("circle", { cx: place[0].toFixed(1), cy: place[1].toFixed(1), r: curve.kind === "ours" ? 5 : 3.5, style }));
      }
      points.push({ curve, place, point: shown[i] });
    });
    svg.append(group);
  }

  function legend(all) {
    const box = $("legend"), focused = document.activeElement && document.activeElement.dataset.key;
    box.replaceChildren(box.querySelector("legend"));
    for (const curve of all) {
      const row = document.createElement("label"), tick = document.createElement("input");
      tick.type = "checkbox";
      tick.checked = !hidden.has(key(curve));
      tick.dataset.key = key(curve);
      tick.addEventListener("change", () => { hidden[tick.checked ? "delete" : "add"](key(curve)); draw(); });
      const sample = node("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
      sample.append(node("line", { x1: 0, x2: 26, y1: 5, y2: 5, "stroke-dasharray": dash(curve), style: `stroke:${colour(curve)};stroke-width:${curve.kind === "ours" ? 3 : 1.5}` }));
      row.append(tick, sample, label(curve));
      box.append(row);
      if (focused === tick.dataset.key) tick.focus();
    }
  }

  function read(index) {
    svg.querySelectorAll(".here").forEach((old) => old.remove());
    here = index;
    if (index < 0) return;
    const { curve, place, point } = points[index], plot = DATA.plots[$("metric").value];
    svg.append(node("circle", { class: "here", cx: place[0], cy: place[1], r: 8 }));
    const first = plot.across === undefined ? `${short(point[0])} bpp` : `${plot.across} ${short(point[0])}`;
    $("readout").textContent = `${label(curve)}: ${first}, ${plot.up || plot.label} ${short(point[1])}`;
  }

  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect(), at = [((event.clientX - frame.left) / frame.width) * W, ((event.clientY - frame.top) / frame.height) * H];
    let best = -1, least = 40 ** 2;
    points.forEach((p, i) => {
      const d = (p.place[0] - at[0]) ** 2 + (p.place[1] - at[1]) ** 2;
      if (d < least) [best, least] = [i, d];
    });
    if (best >= 0 && best !== here) read(best);
  });

  svg.addEventListener("keydown", (event) => {
    if (!points.length || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const names = [...new Set(points.map((p) => p.curve))], now = points[Math.max(here, 0)];
    if (here < 0) return read(0);
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const next = here + (event.key === "ArrowRight" ? 1 : -1);
      if (points[next] && points[next].curve === now.curve) read(next);
    } else {
      const turn = (names.indexOf(now.curve) + (event.key === "ArrowDown" ? 1 : names.length - 1)) % names.length;
      const near = points.map((p, i) => [Math.abs(p.place[0] - now.place[0]), i]).filter(([, i]) => points[i].curve === names[turn]);
      read(near.sort((a, b) => a[0] - b[0])[0][1]);
    }
  });

  DATA.plots.forEach((plot, i) => option($("metric"), i, plot.label));
  DATA.images.forEach((image, i) => option($("of"), i, image.name));
  DATA.plots.forEach((plot) => plot.curves.forEach(colour));
  for (const id of ["metric", "of", "reach", "log-rate"]) $(id).addEventListener("change", draw);
  addEventListener("resize", () => { if (Math.min(800, Math.max(320, svg.clientWidth)) !== W) draw(); });
  draw();
})();
