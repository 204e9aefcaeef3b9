import { ellipsize } from "#base/tables.ts";
import { parseSearchTerm } from "#spec/engine-api/search-term.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, filterFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { type ListFormat, chooseFormat, writeList } from "./output/list.ts";
import { registryAuthHeaders } from "./registry-auth.ts";

/** One item of `GET /images/search`. */
interface SearchItem {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
}

const descriptionColumns = 45;

function searchFormat(truncate: boolean): ListFormat<SearchItem> {
  const fields = (item: SearchItem): Readonly<Record<string, string>> => {
    const description = item.description.replaceAll(/[\r\n]/g, " ");
    return {
      Name: item.name,
      Description: truncate ? ellipsize(description, descriptionColumns) : description,
      StarCount: String(item.star_count),
      IsOfficial: item.is_official ? "[OK]" : "",
    };
  };
  return {
    goType: "*registry.searchContext",
    table: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    quiet: "{{.Name}}",
    headers: {
      Name: "NAME",
      Description: "DESCRIPTION",
      StarCount: "STARS",
      IsOfficial: "OFFICIAL",
    },
    fields,
    jsonFields: (item) => ({ ...fields(item), IsOfficial: String(item.is_official) }),
  };
}

export const command: Command = defineCommand({
  usage: "[OPTIONS] TERM",
  args: exactly(1),
  flags: {
    filter: filterFlag("Filter output based on conditions provided", { short: "f" }),
    format: stringFlag("Pretty-print search using a Go template"),
    limit: intFlag("Max number of search results"),
    "no-trunc": boolFlag("Don't truncate output"),
  },
  async run(cli, { flags, args: [term = ""] }) {
    if (flags.filter["is-automated"] !== undefined) {
      cli.errors.write(
        'WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" ' +
          "will not yield any results in future.\n",
      );
    }
    const { domain } = parseSearchTerm(term);
    const engine = await cli.engine();
    const items = await engine.getJson<readonly SearchItem[]>("/images/search", {
      query: {
        term,
        limit: flags.limit > 0 ? flags.limit : undefined,
        filters: flags.filter,
      },
      headers: await registryAuthHeaders(cli, domain),
    });
    writeList(cli, searchFormat(!flags["no-trunc"]), items, chooseFormat(cli, {}, flags));
    return 0;
  },
});
