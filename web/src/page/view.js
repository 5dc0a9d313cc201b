// What the page shows: one function for each thing that changes.

/**
 * Returns an element of the page.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 */
export function element(id, kind) {
  const own = document.getElementById(id);
  if (!(own instanceof kind)) throw new Error(`the page has no ${id}`);
  return own;
}

/**
 * Says what is going on, or what went wrong; the other of the two is cleared.
 * @param {string} words
 * @param {"status" | "error"} [where]
 */
export function say(words, where = "status") {
  element("status", HTMLElement).textContent = where === "status" ? words : "";
  element("error", HTMLElement).textContent = where === "error" ? words : "";
}

/**
 * Shows what a file says of itself.
 * @param {Record<string, string | number | Record<string, number>> | null} info
 */
export function showInfo(info) {
  const list = element("info", HTMLDListElement);
  list.replaceChildren();
  for (const [key, value] of Object.entries(info ?? {})) {
    const [term, words] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = key;
    words.textContent = typeof value === "object" ? JSON.stringify(value) : String(value);
    list.append(term, words);
  }
}

/**
 * Shows a picture and offers it under a name; null takes both away.
 * @param {{png: Blob, width: number, height: number} | null} picture
 * @param {string} name
 */
export function showPicture(picture, name) {
  const image = element("picture", HTMLImageElement);
  const save = element("save", HTMLAnchorElement);
  if (image.src) URL.revokeObjectURL(image.src);
  element("result", HTMLElement).hidden = !picture;
  if (!picture) {
    image.removeAttribute("src");
    save.removeAttribute("href");
    return;
  }
  image.src = save.href = URL.createObjectURL(picture.png);
  image.width = picture.width;
  image.height = picture.height;
  save.download = name;
}

/**
 * Shows what there is to say of a picture, a line each.
 * @param {string[]} notes
 */
export function showNotes(notes) {
  const lines = notes.map((note) => {
    const line = document.createElement("li");
    line.textContent = note;
    return line;
  });
  element("notes", HTMLElement).replaceChildren(...lines);
}

/** Returns what the controls say. */
export function settings() {
  const value = (/** @type {string} */ id) => element(id, HTMLInputElement).value;
  const halvings = Number(value("scale"));
  return { temperature: Number(value("temperature")), seed: seedOf(value("seed")), size: 32 >> halvings };
}

/** Shows beside the sliders what they say. */
export function showSettings() {
  const { temperature, size } = settings();
  element("temperature-value", HTMLOutputElement).value = temperature.toFixed(2);
  element("scale-value", HTMLOutputElement).value = size === 32 ? "1" : `1/${32 / size}`;
}

/** @param {string} text */
function seedOf(text) {
  return /^\d+$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : 0n;
}
