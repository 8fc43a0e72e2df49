/** Pictures drawn on the spot, for whoever has no photos at hand: three pairs of something alike. */

type Draw = (context: OffscreenCanvasRenderingContext2D) => void;

const WIDTH = 640;
const HEIGHT = 480;

function fade(context: OffscreenCanvasRenderingContext2D, bottom: number, ...colours: string[]): void {
  const gradient = context.createLinearGradient(0, 0, 0, bottom);
  colours.forEach((colour, i) => gradient.addColorStop(i / (colours.length - 1), colour));
  context.fillStyle = gradient;
  context.fillRect(0, 0, WIDTH, bottom);
}

function disc(context: OffscreenCanvasRenderingContext2D, x: number, y: number, radius: number, colour: string): void {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function shape(context: OffscreenCanvasRenderingContext2D, colour: string, points: [number, number][]): void {
  context.fillStyle = colour;
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.fill();
}

const sea = (sky: string[], sun: string, at: [number, number], water: string[]): Draw => (context) => {
  fade(context, HEIGHT, ...water);
  fade(context, 290, ...sky);
  context.save();
  context.beginPath();
  context.rect(0, 0, WIDTH, 290);
  context.clip();
  disc(context, ...at, 62, sun);
  context.restore();
  context.fillStyle = sun;
  for (let i = 0; i < 12; i++) {
    context.globalAlpha = 0.75 - i * 0.05;
    const half = 58 - 22 * Math.sin(i * 2.1) - i;
    context.fillRect(at[0] - half, 300 + i * 15, 2 * half, 5);
  }
  context.globalAlpha = 1;
};

const apple = (skin: string, light: string, cloth: string, table: string): Draw => (context) => {
  fade(context, HEIGHT, cloth, cloth);
  context.fillStyle = table;
  context.fillRect(0, 350, WIDTH, 130);
  context.fillStyle = "rgb(0 0 0 / 0.25)";
  context.beginPath();
  context.ellipse(330, 402, 150, 24, 0, 0, 2 * Math.PI);
  context.fill();
  const gradient = context.createRadialGradient(270, 210, 20, 320, 270, 170);
  gradient.addColorStop(0, light);
  gradient.addColorStop(1, skin);
  context.fillStyle = gradient;
  context.beginPath();
  context.moveTo(320, 170);
  context.bezierCurveTo(390, 120, 490, 160, 470, 270);
  context.bezierCurveTo(455, 360, 390, 420, 320, 396);
  context.bezierCurveTo(250, 420, 185, 360, 170, 270);
  context.bezierCurveTo(150, 160, 250, 120, 320, 170);
  context.fill();
  context.strokeStyle = "#5a3a1e";
  context.lineWidth = 11;
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(320, 178);
  context.quadraticCurveTo(322, 130, 348, 98);
  context.stroke();
  context.fillStyle = "#4f8a34";
  context.beginPath();
  context.ellipse(392, 112, 48, 18, -0.35, 0, 2 * Math.PI);
  context.fill();
};

const mountains = (sky: string[], moon: string, ridges: string[], snow: string): Draw => (context) => {
  fade(context, HEIGHT, ...sky);
  disc(context, 490, 96, 38, moon);
  const peaks: [number, number][][] = [
    [[-40, 420], [150, 130], [330, 420]],
    [[180, 440], [400, 90], [640, 440]],
    [[400, 450], [580, 220], [760, 450]],
  ];
  peaks.forEach((peak, i) => shape(context, ridges[i % 2] as string, peak));
  shape(context, snow, [[400, 90], [354, 163], [382, 180], [404, 158], [428, 184], [450, 163]]);
  shape(context, snow, [[150, 130], [117, 181], [140, 196], [158, 178], [186, 188]]);
  context.fillStyle = ridges[2] as string;
  context.fillRect(0, 400, WIDTH, 80);
};

const SAMPLES: Record<string, Draw> = {
  "sunset.jpg": sea(["#27235c", "#c8496a", "#ffb45c"], "#ffe9b0", [330, 250], ["#7a3b63", "#2a1f4d"]),
  "sea at noon.jpg": sea(["#3d8fd6", "#bfe3f7"], "#fffbe6", [410, 120], ["#2b7fb3", "#0c3f68"]),
  "red apple.jpg": apple("#9f1420", "#f2705c", "#e9e2d4", "#b98d5f"),
  "green apple.jpg": apple("#4f8a1d", "#c8e07a", "#dfe6ea", "#8d9aa3"),
  "mountains by day.jpg": mountains(["#8fc3ea", "#eef6fb"], "#fff6d0", ["#64798c", "#4d6276", "#5d7f4a"], "#ffffff"),
  "mountains by night.jpg": mountains(["#0a1030", "#28406e"], "#f3f0dc", ["#26344f", "#1c2740", "#131c2b"], "#9fb4d4"),
};

/** The sample pictures, drawn and compressed as a camera would have stored them. */
export function drawSamples(): Promise<File[]> {
  return Promise.all(
    Object.entries(SAMPLES).map(async ([name, drawOn]) => {
      const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
      const context = canvas.getContext("2d");
      if (context) drawOn(context);
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
      return new File([blob], name, { type: blob.type });
    }),
  );
}
