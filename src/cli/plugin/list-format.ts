import type { Plugin } from "@docker/node-sdk";
import { ellipsize } from "#base/tables.ts";
import type { ListFormat } from "#cli/output/list.ts";
import { shortId } from "#cli/output/texts.ts";

const DESCRIPTION_COLUMNS = 45;

export function pluginListFormat(truncate: boolean): ListFormat<Plugin> {
  return {
    goType: "*formatter.pluginContext",
    table: "{{.ID}}\t{{.Name}}\t{{.Description}}\t{{.Enabled}}",
    quiet: "{{.ID}}",
    raw: "plugin_id: {{.ID}}\nname: {{.Name}}\ndescription: {{.Description}}\nenabled: {{.Enabled}}\n",
    configKey: "pluginsFormat",
    headers: {
      ID: "ID",
      Name: "NAME",
      Description: "DESCRIPTION",
      Enabled: "ENABLED",
      PluginReference: "IMAGE",
    },
    fields: (plugin) => ({
      ID: truncate ? shortId(plugin.Id ?? "") : (plugin.Id ?? ""),
      Name: plugin.Name,
      Description: description(plugin, truncate),
      Enabled: plugin.Enabled,
      PluginReference: plugin.PluginReference ?? "",
    }),
  };
}

function description({ Config: config }: Plugin, truncate: boolean): string {
  const text = config.Description.replaceAll(/[\r\n]/g, "");
  return truncate ? ellipsize(text, DESCRIPTION_COLUMNS) : text;
}
