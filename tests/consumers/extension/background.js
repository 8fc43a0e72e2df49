// A service worker can start no workers: an offscreen document computes for it.

globalThis.embedOffscreen = async () => {
  const given = { url: "offscreen.html", reasons: ["WORKERS"], justification: "computes embeddings" };
  await chrome.offscreen.createDocument(given);
  return chrome.runtime.sendMessage("embed");
};
