import { useEffect, useState } from "preact/hooks";
import { visible } from "../../parts/visible";
import type { Part } from "../../run/foldRun";
import { server } from "../../shell/server";

const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** The parts of a message as they were sent: text as text, pictures, and files to save. */
export function PartsOf({ parts }: { parts: Part[] }) {
  return (
    <>
      {parts.map((part, place) =>
        part.type === "text" ? (
          <p key={place} class="plain-text">
            {visible(part.text)}
          </p>
        ) : (
          <FilePart key={place} part={part} />
        ),
      )}
    </>
  );
}

function FilePart({ part }: { part: Exclude<Part, { type: "text" }> }) {
  const [link, setLink] = useState<{ url: string; picture: boolean } | null>(null);
  const name = ("name" in part && part.name) || part.file || part.url || "file";
  useEffect(() => {
    if (!part.file) return;
    let url = "";
    let current = true;
    server
      .send(`/files/${encodeURIComponent(part.file)}`)
      .then(async (response) => {
        if (!response.ok || !current) return;
        const type = response.headers.get("content-type")?.split(";")[0] ?? "";
        const picture = PICTURES.has(type);
        // Anything but a picture is saved as bytes, so that a browser never shows foreign HTML or SVG as a page.
        const bytes = new Blob([await response.arrayBuffer()], { type: picture ? type : "application/octet-stream" });
        if (!current) return;
        url = URL.createObjectURL(bytes);
        setLink({ url, picture });
      })
      .catch(() => undefined);
    return () => {
      current = false;
      if (url) URL.revokeObjectURL(url);
    };
  }, [part.file]);
  if (!link) return <p class="quiet">{visible(name)}</p>;
  if (link.picture) return <img class="picture" src={link.url} alt={visible(name)} />;
  return (
    <p>
      <a href={link.url} download={visible(name)}>
        {visible(name)}
      </a>
    </p>
  );
}
