import { ClipVision } from "clip-vision";

export const dynamic = "force-dynamic";

export async function GET() {
  const clip = await ClipVision.load(process.env.MODEL);
  return Response.json(Array.from(await clip.embed(process.env.PHOTO)));
}
