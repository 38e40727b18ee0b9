/** Text counted in code points, as the server counts it. */
export const length = (text) => {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
};

/** `text` without its first `count` code points. */
export const skip = (text, count) => (count <= 0 ? text : Array.from(text).slice(count).join(""));
