// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

interface Cheats {
    function envString(string calldata name) external view returns (string memory);
    function readFile(string calldata path) external view returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function toString(uint256 value) external pure returns (string memory);
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// @title Founding with keys kept in Foundry's wallets
/// @notice Broadcasts the calls that `hearth plan --json` listed, in their order; those it marks as done are left out.
/// @dev `HEARTH_PLAN=plan.json forge script script/Found.s.sol --rpc-url … --account … --broadcast`
contract Found {
    bool public constant IS_SCRIPT = true;

    Cheats private constant CHEATS = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    error CallRefused(string label, bytes answer);

    function run() external {
        broadcast(CHEATS.readFile(CHEATS.envString("HEARTH_PLAN")));
    }

    /// @param plan the plan as JSON text.
    function broadcast(string memory plan) public {
        CHEATS.startBroadcast();
        for (uint256 i; CHEATS.keyExistsJson(plan, _at("calls", i)); ++i) {
            string memory done = _at("done", i);
            if (CHEATS.keyExistsJson(plan, done) && CHEATS.parseJsonBool(plan, done)) continue;

            string memory one = _at("calls", i);
            address to = CHEATS.parseJsonAddress(plan, string.concat(one, ".to"));
            uint256 value = CHEATS.parseJsonUint(plan, string.concat(one, ".value"));
            bytes memory data = CHEATS.parseJsonBytes(plan, string.concat(one, ".data"));
            (bool taken, bytes memory answer) = to.call{value: value}(data);
            if (!taken) {
                revert CallRefused(CHEATS.parseJsonString(plan, string.concat(one, ".label")), answer);
            }
        }
        CHEATS.stopBroadcast();
    }

    function _at(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(".", list, "[", CHEATS.toString(index), "]");
    }
}
