/** Drawings made on the spot, for whoever has no photo at hand: what the bundled model knows, some of it alike. */

type Context = OffscreenCanvasRenderingContext2D;
type Point = readonly [x: number, y: number];

const WIDTH = 640;
const HEIGHT = 480;

/** Shapes about (0, 0), of radius 1. */
const SHAPES = {
  circle: (path: Path2D) => path.arc(0, 0, 1, 0, 2 * Math.PI),
  ring: (path: Path2D) => {
    path.arc(0, 0, 1, 0, 2 * Math.PI);
    path.moveTo(0.62, 0);
    path.arc(0, 0, 0.62, 0, 2 * Math.PI, true);
  },
  square: (path: Path2D) => path.rect(-0.86, -0.86, 1.72, 1.72),
  triangle: (path: Path2D) => polygon(path, [[0, -0.95], [0.92, 0.78], [-0.92, 0.78]]),
  star: (path: Path2D) => {
    const corner = (index: number): Point => {
      const [radius, turn] = [index % 2 ? 0.42 : 1, (Math.PI * index) / 5 - Math.PI / 2];
      return [radius * Math.cos(turn), radius * Math.sin(turn)];
    };
    polygon(path, Array.from({ length: 10 }, (_, index) => corner(index)));
  },
  heart: (path: Path2D) => {
    path.moveTo(0, 0.95);
    path.bezierCurveTo(-1.5, -0.1, -0.9, -1.15, 0, -0.45);
    path.bezierCurveTo(0.9, -1.15, 1.5, -0.1, 0, 0.95);
  },
  cross: (path: Path2D) => {
    path.rect(-0.28, -0.95, 0.56, 1.9);
    path.rect(-0.95, -0.28, 1.9, 0.56);
  },
  moon: (path: Path2D) => {
    path.arc(0, 0, 1, 0.86, 2 * Math.PI - 0.86);
    path.arc(0.5, 0, 0.78, 2 * Math.PI - 1.33, 1.33, true);
  },
};

function polygon(path: Path2D, corners: readonly Point[]): void {
  for (const [x, y] of corners) path.lineTo(x, y);
  path.closePath();
}

/** A drawing: what is in it, where, as parts of the height about the middle, and what is behind. */
interface Drawing {
  shape: keyof typeof SHAPES;
  color: string;
  radius: number;
  at?: readonly Point[];
  behind: (context: Context) => void;
}

const plain = (color: string) => (context: Context): void => {
  context.fillStyle = color;
  context.fillRect(0, 0, WIDTH, HEIGHT);
};

const striped = (first: string, second: string) => (context: Context): void => {
  plain(first)(context);
  context.fillStyle = second;
  for (let x = 0; x < WIDTH; x += 120) context.fillRect(x, 0, 60, HEIGHT);
};

const fading = (top: string, bottom: string) => (context: Context): void => {
  const gradient = context.createLinearGradient(0, 0, 0, HEIGHT);
  gradient.addColorStop(0, top);
  gradient.addColorStop(1, bottom);
  context.fillStyle = gradient;
  context.fillRect(0, 0, WIDTH, HEIGHT);
};

const DRAWINGS: Record<string, Drawing> = {
  "red heart.jpg": { shape: "heart", color: "#e02535", radius: 0.34, behind: plain("#fafafa") },
  "red circle.jpg": { shape: "circle", color: "#dc1e2d", radius: 0.36, behind: plain("#ffdd33") },
  "yellow star.jpg": { shape: "star", color: "#fdd820", radius: 0.38, behind: plain("#6d1f9c") },
  "yellow stars.jpg": {
    shape: "star", color: "#fdd820", radius: 0.15, at: [[-0.25, -0.22], [0.24, -0.2], [0.02, 0.24]], behind: fading("#0b3f9e", "#3b82f6"),
  },
  "green squares.jpg": {
    shape: "square", color: "#1f8f3e", radius: 0.19, at: [[-0.25, 0.02], [0.25, -0.04]], behind: striped("#ffffff", "#ffc0cb"),
  },
  "blue ring.jpg": { shape: "ring", color: "#1e5fe0", radius: 0.36, behind: plain("#ffffff") },
  "white moon.jpg": { shape: "moon", color: "#fbfbf6", radius: 0.16, at: [[0.27, -0.27]], behind: plain("#10121c") },
  "black cross.jpg": { shape: "cross", color: "#141414", radius: 0.16, at: [[-0.25, 0.23]], behind: plain("#fb8c00") },
};

function draw(context: Context, { shape, color, radius, at = [[0, 0]], behind }: Drawing): void {
  behind(context);
  context.fillStyle = color;
  const path = new Path2D();
  SHAPES[shape](path);
  for (const [x, y] of at) {
    context.setTransform(radius * HEIGHT, 0, 0, radius * HEIGHT, WIDTH / 2 + x * HEIGHT, HEIGHT / 2 + y * HEIGHT);
    context.fill(path);
  }
}

/** The samples, drawn and compressed as a camera would have stored them. */
export function drawSamples(): Promise<File[]> {
  return Promise.all(
    Object.entries(DRAWINGS).map(async ([name, drawing]) => {
      const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
      const context = canvas.getContext("2d");
      if (context) draw(context, drawing);
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
      return new File([blob], name, { type: blob.type });
    }),
  );
}
