import { classify } from "./model.js";

chrome.runtime.onMessage.addListener(({ photo }, _sender, answer) => {
  classify(photo).then(
    (found) => answer({ found }),
    (error) => answer({ error: error.message }),
  );
  return true; // the answer comes later
});
