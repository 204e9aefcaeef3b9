import { ConflictError, NotFoundError } from "#base/errors.ts";
import { findMember } from "#registry-server/metadata/organisations.ts";
import {
  addTeamMember,
  hasTeam,
  insertTeam,
  listTeamMembers,
  listTeams,
  removeTeam,
  removeTeamMember,
  type Team,
} from "#registry-server/metadata/teams.ts";
import { requireOrganisation } from "./organisations.ts";
import {
  audit,
  param,
  readJson,
  requiredText,
  requireMember,
  requireOwner,
  type RestCall,
  type RestRoute,
} from "./route.ts";
import { checkAccountName } from "./users.ts";

const CREATE = {
  name: { type: "string", description: "Name inside the organisation", isRequired: true },
} as const;

async function requireTeam(call: RestCall): Promise<Team> {
  const team = { organisation: param(call, "organisation"), name: param(call, "team") };
  if (await hasTeam(call.parts.database, team)) return team;
  throw new NotFoundError(`No such team: ${team.organisation}/${team.name}`);
}

export const teamRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/organisations/{organisation}/teams",
    summary: "List teams with their members",
    requires: "account",
    handle: async (call) => {
      const organisation = param(call, "organisation");
      await requireOrganisation(call, organisation);
      await requireMember(call, organisation);
      const { database } = call.parts;
      const teams: object[] = [];
      for (const name of await listTeams(database, organisation)) {
        teams.push({ name, members: await listTeamMembers(database, { organisation, name }) });
      }
      return { teams };
    },
  },
  {
    method: "POST",
    path: "/organisations/{organisation}/teams",
    summary: "Create a team",
    requires: "account",
    body: CREATE,
    handle: async (call) => {
      const organisation = param(call, "organisation");
      await requireOrganisation(call, organisation);
      await requireOwner(call, organisation);
      const name = requiredText(await readJson(call, CREATE), "name");
      checkAccountName("team", name);
      if (!(await insertTeam(call.parts.database, { organisation, name }))) {
        throw new ConflictError(`Cannot create team ${name}: the name is taken`);
      }
      await audit(call, "team.create", `${organisation}/${name}`);
      return { name, members: [] };
    },
  },
  {
    method: "DELETE",
    path: "/organisations/{organisation}/teams/{team}",
    summary: "Remove a team and its grants",
    requires: "account",
    handle: async (call) => {
      await requireOwner(call, param(call, "organisation"));
      const team = await requireTeam(call);
      await call.parts.database.transaction((session) => removeTeam(session, team));
      await audit(call, "team.remove", `${team.organisation}/${team.name}`);
    },
  },
  {
    method: "PUT",
    path: "/organisations/{organisation}/teams/{team}/members/{user}",
    summary: "Add a member of the organisation to a team",
    requires: "account",
    handle: async (call) => {
      await requireOwner(call, param(call, "organisation"));
      const team = await requireTeam(call);
      const user = param(call, "user");
      if (!(await findMember(call.parts.database, team.organisation, user))) {
        throw new NotFoundError(`No such member of ${team.organisation}: ${user}`);
      }
      await addTeamMember(call.parts.database, team, user);
      await audit(call, "team.member.add", `${team.organisation}/${team.name}`, { user });
      return { user };
    },
  },
  {
    method: "DELETE",
    path: "/organisations/{organisation}/teams/{team}/members/{user}",
    summary: "Take a member out of a team",
    requires: "account",
    handle: async (call) => {
      await requireOwner(call, param(call, "organisation"));
      const team = await requireTeam(call);
      const user = param(call, "user");
      if (!(await removeTeamMember(call.parts.database, team, user))) {
        throw new NotFoundError(`No such member of team ${team.name}: ${user}`);
      }
      await audit(call, "team.member.remove", `${team.organisation}/${team.name}`, { user });
    },
  },
];
