// webpack 5 knows `new Worker(new URL(…))` and `new URL(…)` by itself.

module.exports = {
  mode: "production",
  entry: "../app/main.js",
  output: { path: `${__dirname}/out`, filename: "main.js" },
  performance: false,
};
