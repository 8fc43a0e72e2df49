import { DecimalPipe } from "@angular/common";
import { Component, inject, signal } from "@angular/core";
import type { Classification } from "clip-vision";
import { Clip } from "./clip";

const LABELS = ["red circle", "blue square", "green star"];

@Component({
  selector: "app-root",
  imports: [DecimalPipe],
  template: `
    <main>
      <h1>What is in the photo?</h1>
      <input type="file" accept="image/*" (change)="choose($event)" />
      @if (!ready() && !error()) {
        <progress [value]="progress()"></progress>
      }
      @if (error(); as message) {
        <p role="alert">{{ message }}</p>
      }
      <ol>
        @for (one of found(); track one.label) {
          <li>{{ one.label }}: {{ 100 * one.score | number: "1.1-1" }} %</li>
        }
      </ol>
    </main>
  `,
})
export class App {
  readonly #clip = inject(Clip);
  readonly progress = this.#clip.progress;
  readonly ready = signal(false);
  readonly found = signal<Classification[]>([]);
  readonly error = signal("");

  constructor() {
    this.#clip.model.then(
      () => this.ready.set(true),
      (error: Error) => this.error.set(error.message),
    );
  }

  async choose(event: Event): Promise<void> {
    const [photo] = (event.target as HTMLInputElement).files ?? [];
    if (!photo) return;
    this.found.set([]);
    this.error.set("");
    try {
      const clip = await this.#clip.model;
      this.found.set(await clip.classify(photo, LABELS));
    } catch (error) {
      this.error.set((error as Error).message);
    }
  }
}
