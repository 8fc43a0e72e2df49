/** Things that people ask for: with their help a search tells a match from chance. None of them has to be in the library. */

import { captionOf, sceneOf } from "../drawings/scenes.ts";

const PHOTOS = [
  "a dog", "a cat", "a bird", "a horse", "a flower", "a tree in autumn", "a forest", "a mountain", "a beach", "the sea at sunset",
  "a river", "snow", "a city at night", "a street with people", "a bridge", "a church", "a castle", "a house", "a kitchen",
  "a living room", "a car", "a bicycle", "a train", "an airplane", "a boat", "a cake", "a plate of food", "a cup of coffee", "fruit",
  "a birthday party", "a wedding", "a concert", "a football match", "a child playing", "a portrait of a woman", "an old man",
  "a group of friends", "a document", "a screenshot", "a map", "a painting", "a book", "a toy", "a computer", "a garden",
  "clouds in the sky", "a rainbow", "fireworks",
];

/** Half of the kinds that there are. */
const drawn = (): string[] => Array.from({ length: 44 }, (_, i) => captionOf({ ...sceneOf(2 * i), count: 1, pattern: "plain" }).replace(/ on an? .*/, ""));

export const everydayQueries = (drawings: boolean): readonly string[] => (drawings ? drawn() : PHOTOS);
