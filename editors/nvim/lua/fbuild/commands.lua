-- What the `:Fbuild…` commands do, and what completes their arguments.
local M = {}

--- How long completion waits for a server that was only just started.
local patience_ms = 3000

---@param kind fbuild.Kind
---@param mode? 'full'
---@return fun(arguments: string[])
local function job(kind, mode)
  return function(arguments)
    local argument = { target = arguments[1], port = arguments[2], mode = mode }
    require('fbuild.jobs').run(kind, argument)
  end
end

---@param module string
---@param name string
---@return fun(arguments: string[])
local function call(module, name)
  return function(arguments)
    require('fbuild.' .. module)[name](unpack(arguments))
  end
end

---@param command string of the server
---@param show fun(result: any)
local function ask(command, show)
  local server = require('fbuild.server')
  server.with_client(function(client)
    server.request(client, command, nil, function(err, result)
      if err then
        return require('fbuild.say').error(err.message)
      end
      show(result)
    end)
  end)
end

---@type table<string, fun(arguments: string[])>
local commands = {
  Deploy = job('deploy'),
  DeployFull = job('deploy', 'full'),
  Build = call('jobs', 'build'),
  Verify = job('verify'),
  Plan = job('plan'),
  Cancel = call('jobs', 'cancel'),
  Target = call('choose', 'target'),
  Port = call('choose', 'port'),
  Board = call('jobs', 'board'),
  Erase = call('jobs', 'erase'),
  Monitor = call('monitor', 'start'),
  Backtrace = call('monitor', 'backtrace'),
  History = function()
    ask('fbuild.server.history', function(result)
      local lines = {} ---@type string[]
      for _, board in ipairs(result.boards) do
        table.insert(lines, board.name)
        for _, deploy in ipairs(board.deploys) do
          local when = os.date('%Y-%m-%d %H:%M:%S', math.floor(deploy.whenMs / 1000))
          table.insert(lines, ('  %s  %s  %s'):format(when, deploy.target, deploy.short))
        end
      end
      lines = #lines > 0 and lines or { 'no deploy yet' }
      require('fbuild.window').show('fbuild://history', lines, true)
    end)
  end,
  Log = call('log', 'show'),
  Restart = call('server', 'restart'),
  DebugInfo = function()
    ask('fbuild.server.debugInfo', function(result)
      require('fbuild.window').show('fbuild://debug', vim.split(vim.inspect(result), '\n'))
    end)
  end,
}

---@param name string without `Fbuild`
---@param arguments string[]
function M.run(name, arguments)
  if #arguments > 2 and name ~= 'Monitor' then
    return require('fbuild.say').error((':Fbuild%s takes a target and a port'):format(name))
  end
  commands[name](arguments)
end

--- What the server told of itself, of this kind; waits for one that was only just started.
---@param what 'targets'|'ports'
---@return any
local function told(what)
  local known ---@type fbuild.State?
  require('fbuild.server').with_client(function(client)
    known = require('fbuild.state').of(client.id)
  end, function() end)
  vim.wait(patience_ms, function()
    return known ~= nil and known[what] ~= nil
  end, 20)
  return known and known[what]
end

---@return string[]
local function targets()
  local known = told('targets') ---@type fbuild.Targets?
  return vim.tbl_map(function(target)
    return target.name
  end, known and known.targets or {})
end

---@return string[]
local function ports()
  local names = { 'sim:' }
  for _, port in ipairs(told('ports') or {}) do
    table.insert(names, port.likelyBoard and 1 or #names, port.name)
  end
  return names
end

---@param name string without `Fbuild`
---@param lead string what is typed of the argument
---@param line string what is typed of the command
---@return string[]
function M.complete(name, lead, line)
  local takes_port = vim.list_contains({ 'Port', 'Board', 'Erase', 'Monitor' }, name)
  local typed = vim.split(vim.trim(line), '%s+')
  local n_before = #typed - (lead == '' and 0 or 1)
  local candidates = (takes_port or n_before == 2) and ports() or targets()
  if n_before > (takes_port and 1 or 2) and name ~= 'Monitor' then
    return {}
  end
  if name == 'Port' or name == 'Target' then
    table.insert(candidates, require('fbuild.choose').automatic)
  end
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead) or vim.endswith(candidate, ':' .. lead)
  end, candidates)
end

return M
