// A service worker can start no workers: an offscreen document computes for it.

chrome.action.onClicked.addListener(() => chrome.tabs.create({ url: "page.html" }));

chrome.runtime.onInstalled.addListener(() =>
  chrome.contextMenus.create({ id: "classify", title: "What is in this photo?", contexts: ["image"] }),
);

chrome.contextMenus.onClicked.addListener(async ({ srcUrl }) => {
  const { found, error } = await classify(srcUrl);
  await chrome.action.setTitle({ title: error ?? `${found[0].label}: ${(100 * found[0].score).toFixed(1)} %` });
});

async function classify(photo) {
  if (!(await chrome.offscreen.hasDocument())) {
    await chrome.offscreen.createDocument({ url: "offscreen.html", reasons: ["WORKERS"], justification: "looks at photos" });
  }
  return chrome.runtime.sendMessage({ photo });
}
