import { runStory } from "../../stories/run.ts";

runStory("wharf");
