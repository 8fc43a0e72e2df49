export default function Page() {
  return <p>embedded on the server</p>;
}
