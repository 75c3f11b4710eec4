// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Vm} from "../Base.t.sol";
import {ICommittee} from "../../contracts/interfaces/ICommittee.sol";
import {Device, IDocket, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {Epoch, MemberId, SeatId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Reports, Verdict} from "../../contracts/types/Report.sol";

/// @title Shadow
/// @notice Committee and docket as a reader knows them who saw their events, with the time of each, and nothing else.
contract Shadow {
    struct Chair {
        bool taken;
        SeatId purse;
        address identity;
        address reportKey;
        bytes32 transportKey;
        string endpoint;
    }

    struct Bond {
        bool held;
        uint40 releasable;
    }

    struct Dated {
        Device device;
        uint40 from;
    }

    struct Badge {
        bytes32 badge;
        uint40 from;
    }

    struct Entry {
        bytes32 digest;
        uint256 at;
        Verdict verdict;
        bool settled;
        uint256 failures;
        MemberId[] frozen;
    }

    bytes32 private immutable DOMAIN;

    mapping(uint256 seat => Chair) public chairs;
    mapping(uint256 purse => Bond) public bonds;
    mapping(uint24 version => mapping(uint256 seat => address)) public keys;
    uint8 public seats;
    uint8 public registered;
    uint24 public version;
    uint24 public reportVersion;

    uint16 public streams;
    mapping(uint16 stream => bytes) private _terms;
    mapping(uint16 stream => mapping(uint8 index => Dated[])) private _devices;
    mapping(uint16 stream => uint8) public deviceCount;
    mapping(uint16 member => Badge[]) private _badges;
    mapping(uint256 report => Entry) private _entries;
    mapping(uint16 stream => bytes32) public head;

    constructor(address docket) {
        DOMAIN = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Hearth"),
                keccak256("1"),
                block.chainid,
                docket
            )
        );
    }

    /// @notice Takes one event; the block's time is the call's.
    function see(Vm.Log calldata log) external {
        bytes32 topic = log.topics[0];
        if (topic == ICommittee.Registered.selector) {
            _registered(log);
        } else if (topic == ICommittee.Rotated.selector) {
            _rotated(log);
        } else if (topic == ICommittee.Resigned.selector) {
            _resigned(log);
        } else if (topic == ICommittee.Equivocated.selector) {
            _equivocated(log);
        } else if (topic == ICommittee.BondReleased.selector) {
            delete bonds[uint256(log.topics[1])];
        } else if (topic == ICommittee.VersionWritten.selector) {
            _written(log);
        } else if (topic == IDocket.Reseated.selector) {
            (reportVersion,,) = abi.decode(log.data, (uint24, uint8, address));
        } else if (topic == IDocket.StreamEnrolled.selector) {
            _enrolled(log);
        } else if (topic == IDocket.DeviceReplaced.selector) {
            _replaced(log);
        } else if (topic == IDocket.BadgeEnrolled.selector) {
            _badge(log);
        } else if (topic == IDocket.Accepted.selector) {
            _accepted(log);
        } else if (topic == IDocket.LineContested.selector) {
            _contested(log);
        } else if (topic == IDocket.Settled.selector) {
            _entries[_reportOf(log)].settled = true;
        } else if (topic == IDocket.SettlementFailed.selector) {
            ++_entries[_reportOf(log)].failures;
        }
    }

    /* COMMITTEE */

    function _registered(Vm.Log calldata log) private {
        Chair storage chair = chairs[uint256(log.topics[1])];
        (chair.identity, chair.purse, chair.reportKey, chair.transportKey, chair.endpoint) =
            abi.decode(log.data, (address, SeatId, address, bytes32, string));
        chair.taken = true;
        bonds[SeatId.unwrap(chair.purse)].held = true;
        ++registered;
    }

    function _rotated(Vm.Log calldata log) private {
        Chair storage chair = chairs[uint256(log.topics[1])];
        (chair.reportKey, chair.transportKey, chair.endpoint) =
            abi.decode(log.data, (address, bytes32, string));
    }

    function _resigned(Vm.Log calldata log) private {
        (SeatId purse, uint40 releasable) = abi.decode(log.data, (SeatId, uint40));
        bonds[SeatId.unwrap(purse)].releasable = releasable;
        _vacate(uint256(log.topics[1]));
    }

    function _equivocated(Vm.Log calldata log) private {
        (SeatId purse,,) = abi.decode(log.data, (SeatId, bytes32, bytes32));
        delete bonds[SeatId.unwrap(purse)];
        Chair storage chair = chairs[uint256(log.topics[1])];
        if (chair.taken && SeatId.unwrap(chair.purse) == SeatId.unwrap(purse)) {
            _vacate(uint256(log.topics[1]));
        }
    }

    function _vacate(uint256 seat) private {
        delete chairs[seat];
        --registered;
    }

    function _written(Vm.Log calldata log) private {
        version = uint24(uint256(log.topics[1]));
        (, seats) = abi.decode(log.data, (address, uint8));
        for (uint256 i = 0; i < seats; ++i) {
            keys[version][i] = chairs[i].reportKey;
        }
    }

    /* STREAMS, DEVICES, BADGES */

    function _enrolled(Vm.Log calldata log) private {
        StreamTerms memory terms = abi.decode(log.data, (StreamTerms));
        uint16 stream = uint16(uint256(log.topics[1]));
        ++streams;
        deviceCount[stream] = uint8(terms.devices.length);
        for (uint8 i = 0; i < terms.devices.length; ++i) {
            _dated(stream, i, terms.devices[i], 0);
        }
        delete terms.devices;
        _terms[stream] = abi.encode(terms);
    }

    function _replaced(Vm.Log calldata log) private {
        (uint8 index, Device memory device, uint40 from) = abi.decode(log.data, (uint8, Device, uint40));
        _dated(uint16(uint256(log.topics[1])), index, device, from);
    }

    function _dated(uint16 stream, uint8 index, Device memory device, uint40 from) private {
        Dated storage dated = _devices[stream][index].push();
        dated.device = device;
        dated.from = from;
    }

    function _badge(Vm.Log calldata log) private {
        (bytes32 badge, uint40 from) = abi.decode(log.data, (bytes32, uint40));
        _badges[uint16(uint256(log.topics[1]))].push(Badge(badge, from));
    }

    /* REPORTS */

    function _accepted(Vm.Log calldata log) private {
        (Header header, bytes32 envelopes, bytes memory payload) =
            abi.decode(log.data, (Header, bytes32, bytes));
        uint16 stream = StreamId.unwrap(header.stream());
        bytes32 structHash = keccak256(
            abi.encode(Reports.TYPEHASH, header.unsealed(), head[stream], envelopes, keccak256(payload))
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN, structHash));
        Entry storage entry = _entries[header.report()];
        (entry.digest, entry.at, entry.verdict) =
        (bytes32(bytes24(digest)), block.timestamp, header.verdict());
        head[stream] = bytes32(bytes24(digest));
    }

    function _contested(Vm.Log calldata log) private {
        _entries[_reportOf(log)].frozen.push(abi.decode(log.data, (MemberId)));
    }

    /// @dev Subcontract, stream and epoch are the three indexed fields, in this order.
    function _reportOf(Vm.Log calldata log) private pure returns (uint256) {
        return uint256(log.topics[1]) << 40 | uint256(log.topics[2]) << 24 | uint256(log.topics[3]);
    }

    /* WHAT IT KNOWS */

    function entryOf(SubcontractId subcontract, StreamId stream, Epoch epoch)
        external
        view
        returns (Entry memory)
    {
        return _entries[
            uint256(SubcontractId.unwrap(subcontract)) << 40 | uint256(StreamId.unwrap(stream)) << 24
                | Epoch.unwrap(epoch)
        ];
    }

    /// @notice The terms as enrolled, with the devices in force for what begins at `begin`.
    function termsOf(uint16 stream, uint40 begin) external view returns (StreamTerms memory terms) {
        terms = abi.decode(_terms[stream], (StreamTerms));
        terms.devices = devicesAt(stream, begin);
    }

    function devicesAt(uint16 stream, uint40 begin) public view returns (Device[] memory devices) {
        devices = new Device[](deviceCount[stream]);
        for (uint8 index = 0; index < devices.length; ++index) {
            Dated[] storage history = _devices[stream][index];
            // Of two with the same beginning the later word counts.
            for (uint256 i = 0; i < history.length; ++i) {
                if (history[i].from <= begin) devices[index] = history[i].device;
            }
        }
    }

    function badgeAt(uint16 member, uint40 begin) external view returns (bytes32 badge) {
        Badge[] storage history = _badges[member];
        for (uint256 i = 0; i < history.length; ++i) {
            if (history[i].from <= begin) badge = history[i].badge;
        }
    }
}
