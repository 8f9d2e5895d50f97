import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { type ReactNode, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import "./app.css";
import { Problem } from "./api/client";
import { begin, useSession } from "./api/session";
import Login from "./pages/Login";
import { router } from "./router";
import { Boundary } from "./ui/kit";

const client = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      retry: (count, error) => count < 2 && error instanceof Problem && (error.status === 0 || error.status === 503 || error.status === 502),
      refetchOnWindowFocus: false,
      networkMode: "always",
    },
    mutations: { networkMode: "always", retry: false },
  },
});

function App(): ReactNode {
  const session = useSession();
  useEffect(() => {
    if (session?.authenticated === false) client.clear();
  }, [session]);
  if (session === undefined) return null;
  if (!session.authenticated) return <Login />;
  return (
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}

void begin();
// The link that the bridge prints, opened where the portal is open already, changes the fragment alone.
addEventListener("hashchange", () => {
  if (location.hash.includes("token=")) void begin();
});
createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Boundary>
      <App />
    </Boundary>
  </StrictMode>,
);
