-- Choosing the target and the board of a project, with `vim.ui.select`.
local say = require('fbuild.say')
local server = require('fbuild.server')
local state = require('fbuild.state')

local M = {}

--- What the server finds by itself.
M.automatic = 'automatic'

---@class fbuild.Choice
---@field value? string nothing: automatic
---@field label string
---@field ask? boolean

---@param client vim.lsp.Client
---@param what 'target'|'port'
---@param value? string
local function select(client, what, value)
  local command = what == 'target' and 'fbuild.server.selectTarget' or 'fbuild.server.selectPort'
  local chosen = value ~= M.automatic and value or vim.NIL
  local argument = { root = client.root_dir, [what] = chosen }
  server.request(client, command, argument, function(err, selection)
    if err then
      return say.error(err.message)
    end
    state.of(client.id):set_choice(selection)
    local word = what == 'target' and 'target' or 'board'
    say.notify(('fbuild: %s %s'):format(word, selection[what] or M.automatic))
  end)
end

---@param client vim.lsp.Client
---@param what 'target'|'port'
---@param choices fbuild.Choice[]
local function offer(client, what, choices)
  local known = state.of(client.id).targets
  local selection = known and known.selected[1]
  local chosen = selection and selection[what]
  table.insert(choices, { label = M.automatic })
  vim.ui.select(choices, {
    prompt = what == 'target' and 'What to deploy:' or 'Which board:',
    kind = 'fbuild_' .. what,
    format_item = function(choice)
      return choice.label .. (choice.value == chosen and not choice.ask and '  (chosen)' or '')
    end,
  }, function(choice)
    if choice and choice.ask then
      vim.ui.input({ prompt = 'Port: ' }, function(port)
        if port and port ~= '' then
          select(client, what, port)
        end
      end)
    elseif choice then
      select(client, what, choice.value)
    end
  end)
end

---@param targets fbuild.Targets
---@return string
local function nothing_built(targets)
  local unbuilt = targets.unbuilt[1]
  local hint = unbuilt and ('build %s first: %s'):format(unbuilt.name, unbuilt.buildHint)
  return 'there is nothing to deploy' .. (hint and '; ' .. hint or ' in this project')
end

--- Choose what is deployed.
---@param name? string asked for if left out
function M.target(name)
  server.with_client(function(client)
    if name then
      return select(client, 'target', name)
    end
    local argument = { root = client.root_dir }
    server.request(client, 'fbuild.server.targets', argument, function(err, result)
      if err then
        return say.error(err.message)
      elseif #result.targets == 0 then
        return say.error(nothing_built(result))
      end
      local choices = vim.tbl_map(function(target)
        local chip = target.chip and '  ' .. target.chip or ''
        return { value = target.name, label = target.name .. chip }
      end, result.targets)
      offer(client, 'target', choices)
    end)
  end)
end

--- Choose the board.
---@param name? string asked for if left out
function M.port(name)
  server.with_client(function(client)
    if name then
      return select(client, 'port', name)
    end
    server.request(client, 'fbuild.server.ports', nil, function(err, result)
      if err then
        return say.error(err.message)
      end
      local choices = vim.tbl_map(function(port)
        return { value = port.name, label = vim.trim(port.name .. '  ' .. port.description) }
      end, result.ports)
      table.insert(choices, { value = 'sim:', label = 'simulated board' })
      table.insert(choices, { label = 'another port…', ask = true })
      offer(client, 'port', choices)
    end)
  end)
end

return M
