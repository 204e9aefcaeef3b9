import { imageStory } from "../../stories/images.ts";

imageStory("wharf");
