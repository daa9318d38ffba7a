// Elements, and changing what is shown in place, so that focus, scroll and open details stay.

/** An element with attributes and children; text is always text, never markup. */
export function el(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function build(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return made;
}

/**
 * Make the children of `old` like those of `fresh`. Text that changed is marked for a moment; what has
 * `data-keep` is left alone, for it changes itself.
 */
export function morph(old, fresh) {
  const children = [...fresh.childNodes];
  children.forEach((next, i) => {
    const now = old.childNodes[i];
    if (!now) old.append(next);
    else if (now.nodeType !== next.nodeType || now.nodeName !== next.nodeName) now.replaceWith(next);
    else if (now.nodeType === Node.TEXT_NODE) {
      if (now.data !== next.data) { now.data = next.data; old.classList?.add("changed"); }
    } else if (!now.isEqualNode(next) && !now.hasAttribute("data-keep")) {
      for (const { name } of [...now.attributes]) {
        if (!next.hasAttribute(name) && !(name === "open" && now.nodeName === "DETAILS")) now.removeAttribute(name);
      }
      for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
      morph(now, next);
    }
  });
  while (old.childNodes.length > children.length) old.lastChild.remove();
}
