/** The model: what is loaded, what is on its way, what went wrong, and the ways to choose another. */

import { models, type KnownModel, type LoadProgress } from "clip-vision";
import { make, must, setProgress, setText } from "./dom.ts";
import { bytes } from "./format.ts";
import { takeFolder } from "./intake.ts";
import { BUNDLED, parseModel, placed } from "./model_source.ts";
import type { LoadedModel, Session } from "./session.ts";

const STAGES: Record<LoadProgress["stage"], string> = {
  engine: "the engine",
  config: "its configuration",
  weights: "its weights",
};

/** `hub` is where models with the name of one on the Hub come from, if not from there. */
export function startModelView(session: Session, hub: () => string | undefined): void {
  const hubInput = must("#hub-input", HTMLInputElement);
  must("#hub-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      void session.choose(parseModel(hubInput.value, document.baseURI, hub()));
    } catch (error) {
      session.refuse(error);
    }
  });

  must("#hub-suggestions", HTMLDataListElement).replaceChildren(...models.filter(({ task }) => task !== "texts").map(suggestion));

  const folderInput = must("#folder-input", HTMLInputElement);
  must("#folder-button", HTMLButtonElement).addEventListener("click", () => folderInput.click());
  folderInput.addEventListener("change", () => {
    takeFolder(session, placed(folderInput.files ?? []));
    folderInput.value = "";
  });

  must("#bundled-button", HTMLButtonElement).addEventListener("click", () => void session.choose(BUNDLED));
  must("#load-cancel", HTMLButtonElement).addEventListener("click", () => session.cancelLoading());

  let shown: LoadedModel | null = null;
  session.onChange(({ what }) => {
    if (what !== "model") return;
    showLoading(session);
    showComplaint(session);
    if (session.model === shown) return;
    shown = session.model;
    showModel(shown);
    closeChooser();
  });
}

/** A known model, with what its choice costs; the list's numbers are not the Hub's own word. */
function suggestion({ id, download, accuracy, verified }: KnownModel): HTMLOptionElement {
  const facts = [`${bytes(download.vision)} for photos`, download.text ? `${bytes(download.text + download.query)} for words` : "no words"];
  if (accuracy) facts.push(`${accuracy.imagenet} % on ImageNet`);
  if (!verified) facts.push("not checked on the Hub");
  const option = make("option");
  option.value = id;
  option.label = facts.join(", ");
  return option;
}

/** Asks whether a model may come from hosts that a link to this page named. */
export function agreesTo(hosts: readonly string[]): Promise<boolean> {
  const dialog = must("#host-dialog", HTMLDialogElement);
  setText(must("#host-names", HTMLElement), hosts.join(" and "));
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "load"), { once: true });
    dialog.showModal();
  });
}

/** The choice has been made; the focus must not vanish with the form. */
function closeChooser(): void {
  const chooser = must("#chooser", HTMLDetailsElement);
  if (chooser.contains(document.activeElement)) must("summary", HTMLElement, chooser).focus();
  chooser.open = false;
}

function showModel(model: LoadedModel | null): void {
  const isBundled = model?.source.kind === "bundled";
  setText(must("#model-name", HTMLElement), model?.source.label ?? "No model yet");
  must("#model-badge", HTMLElement).hidden = !isBundled;
  must("#model-note", HTMLElement).hidden = !isBundled;
  const facts = must("#model-facts", HTMLElement);
  facts.hidden = model === null;
  facts.replaceChildren(...(model ? factsOf(model) : []));
}

function factsOf({ info }: LoadedModel): HTMLElement[] {
  const simd = { none: "none", simd128: "128 bit", relaxed: "relaxed" }[info.simd];
  const facts: [string, string][] = [
    ["Embedding", `${info.dimension} values`],
    ["Image", `${info.imageSize} px`],
    ["Precision", info.precision],
    ["SIMD", info.threads > 1 ? `${simd}, ${info.threads} threads` : simd],
    ["Memory", bytes(info.bytes)],
  ];
  return facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

function showLoading({ loading }: Session): void {
  must("#load-progress", HTMLElement).hidden = loading === null;
  if (!loading) return;
  const { progress, source } = loading;
  const known = progress?.total !== undefined && progress.total > 0;
  setProgress(must("#load-bar", HTMLProgressElement), known ? progress.loaded / (progress.total ?? 1) : undefined);
  const size = progress ? amount(progress) : "";
  const part = progress ? `${source.label}: loading ${STAGES[progress.stage]}` : `${source.label}: starting`;
  setText(must("#load-text", HTMLElement), size ? `${part}, ${size}` : part);
}

function amount({ loaded, total }: LoadProgress): string {
  if (total) return `${bytes(loaded)} of ${bytes(total)}`;
  return loaded > 0 ? bytes(loaded) : "";
}

function showComplaint({ complaint }: Session): void {
  const box = must("#model-complaint", HTMLElement);
  box.hidden = complaint === null;
  if (!complaint) return;
  setText(must("#model-complaint-text", HTMLElement), complaint.sentence);
  setText(must("#model-complaint-detail", HTMLElement), complaint.detail);
  must("#model-complaint-more", HTMLElement).hidden = complaint.detail === "";
}
