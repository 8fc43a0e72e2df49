export default {
  output: "export", // a static site, in out/; leave it out for a server
};
