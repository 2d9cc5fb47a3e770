import type { Schemas } from "@journeyman/client";
import { Json } from "../../parts/Json";
import { Text } from "../../parts/Text";
import { visible } from "../../parts/visible";
import { textOf } from "../../run/foldRun";

/** Messages as the model reads them: role, text, calls. */
export function MessageList({ messages }: { messages: Schemas["Message"][] }) {
  if (messages.length === 0) return <p class="quiet">No message.</p>;
  return (
    <ol class="messages">
      {messages.map((message, place) => (
        <li key={place} class={message.role}>
          <span class="quiet">
            {message.role}
            {message.name && ` ${visible(message.name)}`}
          </span>
          {(message.content ?? []).length > 0 && <Text text={textOf(message.content ?? [])} label={message.role} />}
          {(message.tool_calls ?? []).map((call) => (
            <div key={call.id}>
              <code>{visible(call.name)}</code>
              <Json value={call.arguments} label={`Arguments of ${call.name}`} />
            </div>
          ))}
        </li>
      ))}
    </ol>
  );
}
