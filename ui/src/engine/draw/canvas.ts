/** maxRatio bounds the pixels per CSS pixel: above 2 nobody sees it and every frame pays for it. */
const maxRatio = 2;

/**
 * fitCanvas gives a canvas the pixels for a size in CSS pixels, clears it, and returns a context that
 * draws in CSS pixels.
 */
export function fitCanvas(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D {
  const ratio = Math.min(maxRatio, globalThis.devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
