import { lifeCycleStory } from "../../stories/life-cycle.ts";

lifeCycleStory("wharf");
