// What the scripts say: one line a step, and one kind of error that tells a person what to do next.

const started = Date.now();
const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);

/** Seconds since `from` (milliseconds; default: since the script began), for people: "3.2 s", "4 min 5 s". */
export function seconds(from = started) {
  const s = (Date.now() - from) / 1000;
  return s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

/** Says what is done and why, before it is done. Steps with nothing to do stay silent. */
export function step(what, why) {
  console.log(`${paint("1;34", "»")} ${what}${why ? paint("2", ` — ${why}`) : ""}`);
}

export const note = (text) => console.log(`  ${paint("2", text)}`);
export const warn = (text) => console.warn(`${paint("1;33", "!")} ${text}`);

/** Something that only the person can put right: a sentence on what is wrong, then the exact command. */
export class Stop extends Error {
  constructor(message, command) {
    super(message);
    this.name = "Stop";
    this.command = command;
  }
}

/** Runs a script's main function: a Stop prints its command, a failed child has already said why. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (error instanceof Stop) {
      console.error(`\n${paint("1;31", "✗")} ${error.message}`);
      if (error.command) console.error(`  Run this, then try again:\n\n    ${error.command}\n`);
    } else {
      console.error(`\n${paint("1;31", "✗")} ${error?.name === "CommandFailed" ? error.message : error?.stack ?? error}`);
    }
    process.exitCode = 1;
  }
}
