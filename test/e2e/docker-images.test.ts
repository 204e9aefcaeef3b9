import { imageStory } from "../stories/images.ts";

imageStory("docker");
