import express from "express";
import { countWords } from "./count-words.js";

const app = express();
app.use(express.text({ type: () => true }));
app.get("/health", (_request, response) => {
  response.send("ok\n");
});
app.post("/count", (request, response) => {
  response.json({ words: countWords(typeof request.body === "string" ? request.body : "") });
});

const server = app.listen(Number(process.env.PORT ?? 3000), () => console.log("listening"));
process.on("SIGTERM", () => server.close());
