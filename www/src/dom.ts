/** The few lines that stand in for a UI framework. */

type Child = Node | string;

/** The element that matches `selector`, of the class that is asked for; the page is broken if it is not there. */
export function must<E extends Element>(selector: string, kind: new () => E, within: ParentNode = document): E {
  const element = within.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} at ${selector}`);
  return element;
}

/** A copy of the only element inside a `<template>`. */
export function stamp(templateId: string): HTMLElement {
  const template = must(`#${templateId}`, HTMLTemplateElement);
  const copy = template.content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) throw new Error(`the template #${templateId} is empty`);
  return copy;
}

/** A new element with attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets an element's text only where it differs, so that a live region is not read out again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets a `<progress>`: from 0 to 1, or undefined while the end is not known. */
export function setProgress(bar: HTMLProgressElement, fraction: number | undefined): void {
  if (fraction === undefined) bar.removeAttribute("value");
  else bar.value = Math.min(1, Math.max(0, fraction));
}

export const prefersReducedMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
