/** A line icon of 24 by 24, by the path of its lines. It has no name of its own: the text beside it says what it is. */
export function Icon({ path }: { path: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
