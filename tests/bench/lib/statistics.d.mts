/** Types of statistics.mjs, for tests in TypeScript. */

export declare function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number;
