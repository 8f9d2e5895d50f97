import { Hub, type ToHub } from "./hub";

const hub = new Hub();

(self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = (event) => {
  const port = event.ports[0];
  if (port === undefined) return;
  const take = hub.join((message) => port.postMessage(message));
  port.onmessage = (message: MessageEvent<ToHub>) => take(message.data);
};
