// Two pictures of one image with a movable line between them, at any zoom; every image has an address, #NAME.
(function () {
  const shown = DATA.images.filter((image) => image.shown.length > 0), zooms = ["fit", 1, 2, 4, 8];
  const win = $("window"), pair = $("pair"), line = $("line"), stage = $("stage");
  let image = null, zoom = "fit", part = 0.5;
  if (!shown.length) {
    $("pictures").hidden = true;
    return;
  }

  function source(key) {
    const held = $(key);
    return `data:${held.dataset.mime};base64,${held.textContent}`;
  }

  function side(id, select, tag) {
    const chosen = image.shown[select.value];
    $(id).src = source(chosen.src);
    $(id).alt = `${image.name}, ${chosen.label}`;
    $(tag).textContent = chosen.label + (chosen.n_bytes ? `, ${(chosen.n_bytes / 1000).toFixed(1)} kB` : "");
  }

  function pictures() {
    side("a", $("left"), "tag-a");
    side("b", $("right"), "tag-b");
  }

  function place() {
    const room = win.clientWidth, width = zoom === "fit" ? Math.min(image.width, room) : image.width * zoom;
    pair.style.width = width + "px";
    pair.style.height = (width * image.height) / image.width + "px";
    pair.classList.toggle("pixels", zoom !== "fit" && zoom > 1);
    win.classList.toggle("large", width > room);
    cut();
  }

  function cut() {
    const room = win.clientWidth, at = part * room, inside = at - pair.offsetLeft + win.scrollLeft;
    line.style.left = at + "px";
    $("b").style.clipPath = `inset(0 0 0 ${Math.max(0, inside)}px)`;
    $("slider").value = Math.round(part * 1000);
  }

  function move(to) {
    part = Math.min(1, Math.max(0, to));
    cut();
  }

  function setZoom(to) {
    const middle = () => [win.clientWidth / 2 - pair.offsetLeft, win.clientHeight / 2 - pair.offsetTop]; // without scrolling
    const [x, y] = middle(), looked = [(win.scrollLeft + x) / pair.offsetWidth, (win.scrollTop + y) / pair.offsetHeight];
    zoom = to;
    for (const button of $("zoom").children) button.setAttribute("aria-pressed", String(button.dataset.zoom === String(to)));
    place();
    const [left, top] = middle();
    win.scrollLeft = looked[0] * pair.offsetWidth - left;
    win.scrollTop = looked[1] * pair.offsetHeight - top;
    cut();
  }

  function cell(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  const number = (key, digits) => (v) => v[key] !== undefined && v[key].toFixed(digits);

  function facts() {
    const columns = [["picture", (v) => v.label], ["bytes", (v) => v.n_bytes], ["bpp", number("bpp", 3)], ["estimated bits / 8", (v) => v.est_bits && Math.round(v.est_bits / 8)], ...DATA.measures.map((m) => [m.label, number(m.key, m.digits)]), ["encode s", number("encode_s", 3)], ["decode s", number("decode_s", 3)], ["how it is shown here", (v) => v.how]];
    const head = document.createElement("tr"), top = document.createElement("thead"), body = document.createElement("tbody");
    columns.forEach(([name]) => head.append(cell("th", name)));
    top.append(head);
    for (const variant of image.shown) {
      const row = document.createElement("tr");
      columns.forEach(([, get], i) => row.append(cell(i ? "td" : "th", get(variant) || "")));
      body.append(row);
    }
    $("facts").replaceChildren(cell("caption", `${image.name}, ${image.width}×${image.height}`), top, body);
  }

  function show(index, keepAddress) {
    const kept = ["left", "right"].map((id) => image && image.shown[$(id).value].label);
    image = shown[(index + shown.length) % shown.length];
    $("image").value = shown.indexOf(image);
    ["left", "right"].forEach((id, i) => {
      $(id).replaceChildren();
      image.shown.forEach((variant, n) => option($(id), n, variant.label));
      const same = image.shown.findIndex((variant) => variant.label === kept[i]);
      $(id).value = same >= 0 ? same : Math.min(i, image.shown.length - 1);
    });
    if (!keepAddress) history.replaceState(null, "", "#" + encodeURIComponent(image.name));
    pictures();
    facts();
    place();
  }

  function drag(handle, start, moved) {
    handle.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      const from = start(down);
      if (!from) return;
      handle.setPointerCapture(down.pointerId);
      const go = (event) => moved(event, from, down);
      const end = () => ["pointermove", "pointerup", "pointercancel"].forEach((type, i) => handle.removeEventListener(type, i ? end : go));
      handle.addEventListener("pointermove", go);
      handle.addEventListener("pointerup", end);
      handle.addEventListener("pointercancel", end);
    });
  }

  const step = (by) => show(shown.indexOf(image) + by);
  const swap = () => {
    [$("left").value, $("right").value] = [$("right").value, $("left").value];
    pictures();
  };
  const closer = (by) => setZoom(zooms[Math.min(zooms.length - 1, Math.max(0, zooms.indexOf(zoom) + by))]);

  for (const value of zooms) {
    const button = cell("button", value === "fit" ? "Fit" : value + "×");
    button.type = "button";
    button.dataset.zoom = value;
    button.addEventListener("click", () => setZoom(value));
    $("zoom").append(button);
  }
  shown.forEach((one, i) => option($("image"), i, one.name));
  $("image").addEventListener("change", () => show(+$("image").value));
  for (const id of ["left", "right"]) $(id).addEventListener("change", pictures);
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("swap").addEventListener("click", swap);
  $("slider").addEventListener("input", () => move($("slider").value / 1000));
  win.addEventListener("scroll", cut);
  addEventListener("resize", place);
  drag(line, () => true, (event) => move((event.clientX - stage.getBoundingClientRect().left) / win.clientWidth));
  drag(win, (down) => down.pointerType === "mouse" && [win.scrollLeft, win.scrollTop], (event, from, down) => {
    win.scrollLeft = from[0] - event.clientX + down.clientX;
    win.scrollTop = from[1] - event.clientY + down.clientY;
  });
  stage.addEventListener("keydown", (event) => {
    const act = { ArrowLeft: () => move(part - 0.02), ArrowRight: () => move(part + 0.02), "+": () => closer(1), "=": () => closer(1), "-": () => closer(-1), ",": () => step(-1), ".": () => step(1), s: swap }[event.key];
    if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      act();
    }
  });
  const named = () => shown.findIndex((one) => "#" + encodeURIComponent(one.name) === location.hash);
  addEventListener("hashchange", () => { if (named() >= 0) show(named(), true); });
  show(Math.max(0, named()), true);
  setZoom("fit");
  if (named() >= 0) $("pictures").scrollIntoView();
})();
