/** The outlines that the bundled model knows, about (0, 0) and of radius 1. */

type Point = readonly [x: number, y: number];

export const SHAPES = {
  circle: (path: Path2D) => path.arc(0, 0, 1, 0, 2 * Math.PI),
  square: (path: Path2D) => path.rect(-0.88, -0.88, 1.76, 1.76),
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
  ring: (path: Path2D) => {
    path.arc(0, 0, 1, 0, 2 * Math.PI);
    path.moveTo(0.62, 0);
    path.arc(0, 0, 0.62, 0, 2 * Math.PI, true);
  },
  moon: (path: Path2D) => {
    path.arc(0, 0, 1, 0.86, 2 * Math.PI - 0.86);
    path.arc(0.5, 0, 0.78, 2 * Math.PI - 1.33, 1.33, true);
  },
};

export type Shape = keyof typeof SHAPES;
export const SHAPE_NAMES = Object.keys(SHAPES) as Shape[];

function polygon(path: Path2D, corners: readonly Point[]): void {
  for (const [x, y] of corners) path.lineTo(x, y);
  path.closePath();
}
