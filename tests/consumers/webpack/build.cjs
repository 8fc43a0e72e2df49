// What `webpack build` does; its command line is a package of its own.

const webpack = require("webpack");

webpack({ ...require("./webpack.config.cjs"), context: __dirname }, (error, stats) => {
  if (!error && !stats.hasErrors() && !stats.hasWarnings()) return;
  console.error(error ?? stats.toString({ modules: false }));
  process.exitCode = 1;
});
