import { run } from "./app.js";

chrome.runtime.onMessage.addListener((message, _sender, answer) => {
  if (message !== "embed") return false;
  void run().then(answer);
  return true; // the answer comes later
});
