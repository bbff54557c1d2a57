-- `vim.g.fbuild`: what the person set, checked, with defaults. Read anew each time, so that it may
-- be changed while Neovim runs. The server's own settings are in `vim.lsp.config`.
local M = {}

---@class (exact) fbuild.Options
---@field server? string the server's binary; else $FBUILD_LSP_PATH, else `fbuild-lsp` in $PATH
---@field trust? boolean|string[] may build commands run: everywhere, or below these folders
---@field echo? boolean show progress and outcomes in the message line
---@field save? boolean save changed files before a deploy

---@class (exact) fbuild.ResolvedOptions
---@field server string
---@field trust boolean|string[]
---@field echo boolean
---@field save boolean

local switch = {
  expected = 'true or false',
  check = function(value)
    return type(value) == 'boolean'
  end,
}

---@type table<string, {expected: string, check: fun(value: any): boolean}>
local known = {
  server = {
    expected = 'a path',
    check = function(value)
      return type(value) == 'string' and value ~= ''
    end,
  },
  trust = {
    expected = 'true, false or a list of folders',
    check = function(value)
      return type(value) == 'boolean'
        or vim.islist(value)
          and not vim.iter(value):any(function(dir)
            return type(dir) ~= 'string'
          end)
    end,
  },
  echo = switch,
  save = switch,
}

--- The options, and what is wrong with those that were set.
---@return fbuild.ResolvedOptions
---@return string[] problems
function M.read()
  local set, problems = vim.g.fbuild, {}
  if set ~= nil and (type(set) ~= 'table' or (vim.islist(set) and #set > 0)) then
    set, problems = {}, { 'vim.g.fbuild must be a table of options' }
  end
  local valid = {}
  for name, value in vim.spairs(set or {}) do
    local option = known[name]
    if not option then
      local names = table.concat(vim.fn.sort(vim.tbl_keys(known)), ', ')
      table.insert(problems, ('vim.g.fbuild.%s is unknown; known: %s'):format(name, names))
    elseif not option.check(value) then
      local message = 'vim.g.fbuild.%s must be %s, not %s'
      table.insert(problems, message:format(name, option.expected, vim.inspect(value)))
    else
      valid[name] = value
    end
  end
  local environment = vim.env.FBUILD_LSP_PATH
  local binary = environment ~= '' and environment or valid.server or 'fbuild-lsp'
  ---@type fbuild.ResolvedOptions
  local options = {
    server = vim.fs.normalize(binary),
    trust = valid.trust or false,
    echo = valid.echo ~= false,
    save = valid.save ~= false,
  }
  return options, problems
end

--- Whether build commands may run in this project.
---@param root? string
---@return boolean
function M.trusts(root)
  local trust = M.read().trust
  if type(trust) == 'boolean' or not root then
    return trust == true
  end
  return vim.iter(trust):any(function(dir)
    return vim.fs.relpath(vim.fs.normalize(dir), root) ~= nil
  end)
end

return M
